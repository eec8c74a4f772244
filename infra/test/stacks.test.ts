/** Which stacks there are, and that no two need each other: pool and functions have to meet somewhere. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { App, CfnOutput, Tags } from 'aws-cdk-lib';
import { AuthStack } from '../app/auth-stack.ts';
import { FUNCTIONS } from '../construct/src/packages.ts';
import { dummyPackages, poolPermissions, resourcesOf, runApp, synthesize, temporaryFolder, type Template, text } from './synthesized.ts';

/** The stacks whose exports a template imports. */
function needs(template: Template): string[] {
  const imports = [...JSON.stringify(template).matchAll(/"Fn::ImportValue":"(Rollcall[A-Za-z]+):/g)];
  return [...new Set(imports.map(([, stack]) => stack!))].sort();
}

function only(template: Template, type: string): Record<string, any> {
  const found = resourcesOf(template, type);
  assert.equal(found.length, 1, type);
  return found[0]![1];
}

describe('two environments in one account and Region', () => {
  const shape = { pool: 'example', database: 'aurora', 'pre-sign-up': 'yes' };
  const [one, other] = [synthesize(shape), synthesize({ ...shape, name: 'rollcall-dev' })];

  test('their stacks have other names, so that deploying one never updates the other', () => {
    assert.deepEqual(Object.keys(other.templates).sort(), ['RollcallDevAuth', 'RollcallDevData', 'RollcallDevPipeline', 'RollcallDevWiring']);
    assert.deepEqual(Object.keys(one.templates).filter((stack) => stack in other.templates), []);
  });

  test('no physical name and no export is the same', () => {
    const OF_TYPE: Record<string, string> = {
      'AWS::Events::EventBus': 'Name', 'AWS::Events::Rule': 'Name', 'AWS::Events::Archive': 'ArchiveName', 'AWS::SQS::Queue': 'QueueName',
      'AWS::Lambda::Function': 'FunctionName', 'AWS::Logs::LogGroup': 'LogGroupName', 'AWS::CloudWatch::Alarm': 'AlarmName',
      'AWS::CloudWatch::Dashboard': 'DashboardName', 'AWS::RDS::DBCluster': 'DBClusterIdentifier', 'AWS::RDS::DBProxy': 'DBProxyName',
    };
    const names = ({ templates }: typeof one) =>
      Object.values(templates).flatMap(({ Parameters: parameters, Resources: resources, Outputs: outputs }) => {
        const physical = Object.values(resources).flatMap(({ Type: type, Properties }) => Properties?.[OF_TYPE[type] ?? ''] ?? []);
        const exported = Object.values(outputs ?? {}).flatMap(({ Export }: any) => Export?.Name ?? []);
        return [...physical, ...exported].map((name) => text(name).replace('<NamePrefix>', parameters?.['NamePrefix']?.['Default']));
      });
    const [ours, theirs] = [names(one), names(other)];
    assert.ok(ours.length > 40, `${ours.length} names were found`);
    assert.deepEqual(ours.filter((name) => theirs.includes(name)), []);
  });

  test('a name that no stack or function can have is refused', () => {
    for (const name of ['', 'Rollcall', '9lives', 'a--b', 'a-', 'x'.repeat(41), 7]) {
      const { status, stderr } = runApp({ functions: dummyPackages(), name }, temporaryFolder());
      assert.equal(status, 1);
      assert.match(stderr, /^the context value `name` is .*such as `rollcall-dev`\n$/);
    }
  });
});

describe('a pool of this app, attached', () => {
  const { templates, printed } = synthesize({ pool: 'example', 'pre-sign-up': 'yes', 'post-authentication': 'yes' });

  test('pool and pipeline do not know each other, and the wiring knows both', () => {
    assert.deepEqual(Object.keys(templates).sort(), ['RollcallAuth', 'RollcallPipeline', 'RollcallWiring']);
    assert.deepEqual(needs(templates['RollcallAuth']!), []);
    assert.deepEqual(needs(templates['RollcallPipeline']!), []);
    assert.deepEqual(needs(templates['RollcallWiring']!), ['RollcallAuth', 'RollcallPipeline']);
    assert.equal(printed, '');
  });

  test('the wiring attaches both functions to the three triggers', () => {
    const triggers = only(templates['RollcallWiring']!, 'Custom::CognitoTriggers');
    assert.match(text(triggers['PostConfirmation']), /^<RollcallPipeline:.*Producer/);
    assert.match(text(triggers['PreSignUp']), /^<RollcallPipeline:.*PreSignUp/);
    assert.equal(text(triggers['PostAuthentication']), text(triggers['PostConfirmation']));
    assert.match(text(triggers['PoolDefinition']), /^[0-9a-f]{64} <PoolDefinition>$/, 'or when a person says so');
  });

  test('the consumer, which cannot know a pool that is made beside it, accepts every pool unless the deployment names them', () => {
    const [, consumer] = resourcesOf(templates['RollcallPipeline']!, 'AWS::Lambda::Function').find(([id]) => id.startsWith('Consumer'))!;
    assert.deepEqual(consumer['Environment'].Variables['ALLOWED_USER_POOLS'], { Ref: 'AllowedUserPools' });
    assert.equal(templates['RollcallPipeline']!.Parameters['AllowedUserPools']!['Default'], '');
  });

  test("the wiring runs again exactly when the pool's part of its template changes", () => {
    const definition = (change: (auth: AuthStack) => void): string => {
      const app = new App({ analyticsReporting: false, outdir: temporaryFolder() });
      const auth = new AuthStack(app, 'Auth', { name: 'rollcall', triggers: undefined });
      new CfnOutput(auth, 'Definition', { value: auth.poolDefinition });
      change(auth);
      return app.synth().getStackByName('Auth').template.Outputs.Definition.Value;
    };
    const before = definition(() => {});
    assert.equal(definition((auth) => new CfnOutput(auth, 'More', { value: 'more' })), before, 'the stack has changed, and the pool has not');
    // Comes to the pool at the very end of the synth.
    assert.notEqual(definition((auth) => Tags.of(auth).add('team', 'identity')), before);
  });

  test('Cognito may call each function before it is attached, and only that pool may', () => {
    const wiring = templates['RollcallWiring']!;
    const permissions = poolPermissions(wiring);
    assert.equal(permissions.length, 2);
    for (const [, { SourceArn, SourceAccount }] of permissions) {
      assert.match(text(SourceArn), /userpool\/<RollcallAuth:/);
      assert.equal(text(SourceAccount), '<AWS::AccountId>');
    }
    const [, resource] = Object.entries(wiring.Resources).find(([, { Type }]) => Type === 'Custom::CognitoTriggers')!;
    for (const [id] of permissions) assert.ok([resource.DependsOn].flat().includes(id), id);
  });

  test('the pool does not go with its stack, and its users neither', () => {
    const pool = Object.values(templates['RollcallAuth']!.Resources).find(({ Type }) => Type === 'AWS::Cognito::UserPool')! as any;
    assert.deepEqual([pool.DeletionPolicy, pool.UpdateReplacePolicy, pool.Properties.DeletionProtection], ['Retain', 'Retain', 'ACTIVE']);
    assert.equal(pool.Properties.LambdaConfig, undefined, 'triggers in the template would be fought over');
  });

  test('a stack that does not know a parameter refuses it, so the documentation names the stack of each', () => {
    const declares = (id: string) => Object.entries(templates).filter(([, { Parameters }]) => id in Parameters).map(([stack]) => stack);
    const page = readFileSync(new URL('../../docs/deploying/new-pool.md', import.meta.url), 'utf8');
    for (const id of ['NamePrefix', 'AlarmTopicArn']) {
      assert.deepEqual(declares(id).sort(), ['RollcallPipeline', 'RollcallWiring'], id);
      for (const stack of declares(id)) assert.ok(page.includes(`--parameters ${stack}:${id}=`), `${stack}:${id}`);
    }
  });

  test('the alarm about a silent trigger knows the client', () => {
    const [, alarm] = resourcesOf(templates['RollcallWiring']!, 'AWS::CloudWatch::Alarm').find(([id]) => /Silence/.test(id))!;
    assert.match(JSON.stringify(alarm['Metrics']), /RollcallAuth:ExportsOutputRefUsersApp/);
  });
});

describe('a pool of this app, native', () => {
  const { templates, printed } = synthesize({ pool: 'example', triggers: 'native', 'pre-sign-up': 'yes', 'post-authentication': 'yes' });
  const auth = templates['RollcallAuth']!;

  test('the pool knows the functions, which know nothing of it, and nobody updates it from outside', () => {
    assert.deepEqual(Object.keys(templates).sort(), ['RollcallAuth', 'RollcallPipeline']);
    assert.deepEqual(needs(auth), ['RollcallPipeline']);
    assert.deepEqual(needs(templates['RollcallPipeline']!), []);
    for (const template of Object.values(templates)) {
      assert.deepEqual(resourcesOf(template, 'Custom::CognitoTriggers'), []);
      assert.ok(!JSON.stringify(template).includes('cognito-idp:UpdateUserPool'));
    }
    assert.equal(printed, '');
  });

  test("the pool's own template names both functions, and lets that pool call them", () => {
    const { PostConfirmation, PreSignUp, PostAuthentication } = only(auth, 'AWS::Cognito::UserPool')['LambdaConfig'];
    assert.equal(text(PostAuthentication), text(PostConfirmation));
    assert.match(text(PostConfirmation), /^<RollcallPipeline:.*Producer/);
    assert.match(text(PreSignUp), /^<RollcallPipeline:.*PreSignUp/);
    const permissions = resourcesOf(auth, 'AWS::Lambda::Permission');
    assert.equal(permissions.length, 2);
    for (const [, { SourceArn }] of permissions) assert.match(text(SourceArn), /userpool\/<Users/);
  });
});

describe('without the CDK', () => {
  const { template, templates, out, printed } = synthesize({ code: 'bucket', pool: 'example' });

  test('each function comes from the given bucket, under a name that changes with its content', () => {
    for (const made of Object.values(templates)) {
      for (const [id, { Code }] of resourcesOf(made, 'AWS::Lambda::Function')) {
        assert.deepEqual(Code.S3Bucket, { Ref: 'CodeBucket' }, id);
        const [prefix, name] = Code.S3Key['Fn::Join'][1];
        assert.deepEqual(prefix, { Ref: 'CodePrefix' });
        const digest = createHash('sha256').update(readFileSync(join(out, name))).digest('hex');
        assert.equal(name, `${name.slice(0, -21)}-${digest.slice(0, 16)}.zip`, id);
      }
    }
    assert.equal(readdirSync(out).filter((file) => file.endsWith('.zip')).length, FUNCTIONS.length);
    assert.equal(printed, '');
  });

  test('the stacks are named in the order in which they can be deployed', () => {
    const order = (folder: string) => readFileSync(join(folder, 'stacks'), 'utf8').trim().split('\n');
    assert.deepEqual(order(out).at(-1), 'RollcallWiring');
    const native = synthesize({ code: 'bucket', pool: 'example', triggers: 'native' });
    assert.deepEqual(order(native.out), ['RollcallPipeline', 'RollcallAuth']);
  });

  test('nothing asks for a bootstrapped account', () => {
    assert.ok(!JSON.stringify(templates).includes('cdk-bootstrap'));
    assert.ok(!JSON.stringify(templates).includes('cdk-hnb659fds'));
    assert.ok(template.Parameters['CodeBucket']);
  });
});
