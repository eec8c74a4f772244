import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { count } from './source-constants.ts';
import { FUNCTIONS } from '../construct/src/packages.ts';
import { dummyPackages, poolPermissions, type Resource, resourcesOf, synthesize, type Template, text, writeDummyZip } from './synthesized.ts';

const { template, printed } = synthesize();
const resources = Object.entries(template.Resources);

function ofType(type: string): [id: string, properties: Record<string, any>][] {
  return resources.filter(([, { Type }]) => Type === type).map(([id, { Properties }]) => [id, Properties]);
}

/** The one resource whose physical name ends like this. */
function named(type: string, property: string, suffix: string): { id: string; properties: Record<string, any> } {
  const found = ofType(type).filter(([, properties]) => text(properties[property]) === `<NamePrefix>-${suffix}`);
  assert.equal(found.length, 1, `one ${type} named <NamePrefix>-${suffix}`);
  const [[id, properties]] = found as [[string, Record<string, any>]];
  return { id, properties };
}

function only(type: string): Record<string, any> {
  const found = ofType(type);
  assert.equal(found.length, 1, `one ${type}`);
  return found[0]![1];
}

const producer = named('AWS::Lambda::Function', 'FunctionName', 'producer');
const consumer = named('AWS::Lambda::Function', 'FunctionName', 'consumer');
const users = named('AWS::SQS::Queue', 'QueueName', 'users');
const usersDlq = named('AWS::SQS::Queue', 'QueueName', 'users-dlq');
const ruleDlq = named('AWS::SQS::Queue', 'QueueName', 'rule-dlq');
const bus = named('AWS::Events::EventBus', 'Name', 'events');
const rule = named('AWS::Events::Rule', 'Name', 'user-confirmed');
const schedule = named('AWS::Events::Rule', 'Name', 'trigger-check');
const mapping = only('AWS::Lambda::EventSourceMapping');

/** Everything a function may do, as sorted `action on resource` lines. */
function permissionsOf(lambda: { properties: Record<string, any> }): string[] {
  const role = lambda.properties['Role']['Fn::GetAtt'][0];
  return ofType('AWS::IAM::Policy')
    .filter(([, policy]) => policy['Roles'].some((attached: unknown) => text(attached) === `<${role}>`))
    .flatMap(([, policy]) => policy['PolicyDocument'].Statement)
    .flatMap((statement) => {
      assert.equal(statement.Effect, 'Allow');
      return [statement.Action].flat().flatMap((action) =>
        [statement.Resource].flat().map((resource) => `${action} on ${text(resource)}`),
      );
    })
    .sort();
}

/** What X-Ray's tracing needs of every function. */
const TRACES = ['xray:PutTelemetryRecords on *', 'xray:PutTraceSegments on *'];

function logGroupOf(name: string): string {
  const found = ofType('AWS::Logs::LogGroup').find(([, group]) => text(group['LogGroupName']) === `/aws/lambda/<NamePrefix>-${name}`);
  assert.ok(found, `a log group for ${name}`);
  return found[0];
}

function statementsFor(queueId: string): Record<string, any>[] {
  return ofType('AWS::SQS::QueuePolicy')
    .filter(([, policy]) => policy['Queues'].some((queue: unknown) => text(queue) === `<${queueId}>`))
    .flatMap(([, policy]) => policy['PolicyDocument'].Statement);
}

describe('the way of an event', () => {
  test('the rule sends confirmed users of our bus to the queue, and nothing else', () => {
    assert.equal(text(rule.properties['EventBusName']), `<${bus.id}>`);
    assert.deepEqual(rule.properties['EventPattern'], { source: ['rollcall'], 'detail-type': ['UserConfirmed'] });
    assert.deepEqual(rule.properties['Targets'].map((target: any) => text(target.Arn)), [`<${users.id}.Arn>`]);
  });

  test('an event that cannot be delivered is tried for a day and then kept', () => {
    const [target] = rule.properties['Targets'];
    assert.deepEqual(target.RetryPolicy, { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
    assert.equal(text(target.DeadLetterConfig.Arn), `<${ruleDlq.id}.Arn>`);
  });

  test('a message received too often moves to the dead-letter queue', () => {
    const redrive = users.properties['RedrivePolicy'];
    assert.equal(text(redrive.deadLetterTargetArn), `<${usersDlq.id}.Arn>`);
    assert.equal(text(redrive.maxReceiveCount), '<MaxReceiveCount>');
  });

  test('the consumer reads the queue and answers for each message by itself', () => {
    assert.equal(text(mapping['EventSourceArn']), `<${users.id}.Arn>`);
    assert.equal(text(mapping['FunctionName']), `<${consumer.id}>`);
    assert.deepEqual(mapping['FunctionResponseTypes'], ['ReportBatchItemFailures']);
  });

  test('batches and concurrency are what the deployment says', () => {
    assert.equal(text(mapping['BatchSize']), '<BatchSize>');
    assert.equal(text(mapping['MaximumBatchingWindowInSeconds']), '<BatchWindowSeconds>');
    assert.equal(text(mapping['ScalingConfig'].MaximumConcurrency), '<MaximumConcurrency>');
    assert.equal(text(users.properties['VisibilityTimeout']), '<VisibilityTimeoutSeconds>');
  });

  test('a batch needs no time to fill, unless it may hold more than ten messages, which Lambda would refuse', () => {
    assert.equal(template.Parameters['BatchWindowSeconds']!['MinValue'], 0);
    const { RuleCondition, Assertions } = template.Rules['BatchesOverTenWait']!;
    assert.deepEqual(RuleCondition, { 'Fn::Equals': [{ Ref: 'BatchWindowSeconds' }, '0'] });
    const ten = Array.from({ length: 10 }, (_, index) => String(index + 1));
    assert.deepEqual(Assertions[0].Assert, { 'Fn::Contains': [ten, { Ref: 'BatchSize' }] });
    assert.match(Assertions[0].AssertDescription, /BatchWindowSeconds/);
  });

  test('each function is told where its neighbours are', () => {
    const { EVENT_BUS_NAME, FALLBACK_QUEUE_URL, ...others } = producer.properties['Environment'].Variables;
    assert.equal(text(EVENT_BUS_NAME), `<${bus.id}>`);
    assert.equal(text(FALLBACK_QUEUE_URL), `<${users.id}>`);
    assert.deepEqual(others, { FORWARD_ATTRIBUTES: { Ref: 'ForwardAttributes' } });
    const { QUEUE_URL, DLQ_URL, DATABASE_URL } = consumer.properties['Environment'].Variables;
    assert.equal(text(QUEUE_URL), `<${users.id}>`);
    assert.equal(text(DLQ_URL), `<${usersDlq.id}>`);
    assert.equal(text(DATABASE_URL), '<DatabaseUrl>');
  });

  test('the consumer and the migration are told of the same table, which is the default one unless the deployment says otherwise', () => {
    const migrate = named('AWS::Lambda::Function', 'FunctionName', 'migrate');
    for (const lambda of [consumer, migrate]) {
      const { USERS_TABLE, USERS_COLUMNS } = lambda.properties['Environment'].Variables;
      assert.deepEqual([text(USERS_TABLE), text(USERS_COLUMNS)], ['<UsersTable>', '<UsersColumns>'], lambda.id);
    }
    const Database = only('Custom::UsersTable')['Database'];
    for (const id of ['<UsersTable>', '<UsersColumns>']) assert.match(text(Database), new RegExp(id), 'a change of it runs the migration again');
    // A variable that is empty counts as not set.
    for (const id of ['UsersTable', 'UsersColumns', 'ForwardAttributes', 'AllowedUserPools']) assert.equal(template.Parameters[id]!['Default'], '', id);
  });

  test('the consumer accepts events of the pool that the stack is about, and of others only when they are named', () => {
    assert.deepEqual(consumer.properties['Environment'].Variables['ALLOWED_USER_POOLS'], {
      'Fn::If': [
        'AllowedUserPoolsIsGiven',
        { Ref: 'AllowedUserPools' },
        // Events of the pool before may still be on their way.
        {
          'Fn::If': [
            'PreviousUserPoolIdIsGiven',
            { 'Fn::Join': [',', [{ Ref: 'UserPoolId' }, { Ref: 'PreviousUserPoolId' }]] },
            { Ref: 'UserPoolId' },
          ],
        },
      ],
    });
  });

  test('what the functions would refuse when they start, a deployment refuses before', () => {
    const pattern = (id: string) => new RegExp(`^(?:${template.Parameters[id]!['AllowedPattern']})$`);
    for (const good of ['', 'accounts', 'app.accounts', '"My.Schema"."Users"', '"a""b"']) assert.match(good, pattern('UsersTable'));
    for (const bad of [' ', 'Accounts', 'a.b.c', 'users; drop table users']) assert.doesNotMatch(bad, pattern('UsersTable'));
    for (const good of ['', 'eu-west-1_Ab12Cd34E', 'eu-west-1_a,us-east-1_b']) assert.match(good, pattern('AllowedUserPools'));
    for (const bad of ['*', 'eu-west-1', 'eu-west-1_a,', 'eu-west-1_a, us-east-1_b', 'eu_west_1_A']) assert.doesNotMatch(bad, pattern('AllowedUserPools'));
    // The consumer accepts its events when AllowedUserPools is empty.
    assert.match('eu-west-1_Ab12Cd34E', pattern('UserPoolId'));
    assert.doesNotMatch('eu_west_1_A', pattern('UserPoolId'));
    const longest = 'a'.repeat(count('producer/src/config.rs', 'LONGEST_NAME'));
    for (const good of ['', 'custom:tenant', 'custom:tenant,dev:custom:plan', `custom:a,custom:${longest}`]) assert.match(good, pattern('ForwardAttributes'));
    for (const bad of ['tenant', 'email', 'custom:', 'custom:a,', 'prod:custom:a', `custom:${longest}a`]) assert.doesNotMatch(bad, pattern('ForwardAttributes'));
  });
});

describe('the table', () => {
  const migrate = named('AWS::Lambda::Function', 'FunctionName', 'migrate');
  const [id, table] = resources.find(([, { Type }]) => Type === 'Custom::UsersTable')!;
  const dependsOn = (dependent: string) => [template.Resources[dependent]!.DependsOn ?? []].flat();

  test('no message is read, and no consumer changes, before the migration has succeeded', () => {
    assert.ok(dependsOn(consumer.id).includes(id), 'the function waits for the table');
    assert.equal(text(mapping['FunctionName']), `<${consumer.id}>`, 'and the mapping for the function');
  });

  test('the migration runs again when there is something to bring, or when it is told to', () => {
    const { ServiceToken, ServiceTimeout, SchemaVersion, Database, Run, ...others } = table.Properties;
    assert.equal(text(ServiceToken), `<${migrate.id}.Arn>`);
    assert.ok(ServiceTimeout > migrate.properties['Timeout'], 'a function that does not start fails in minutes');
    assert.ok(Number.isInteger(SchemaVersion), 'so that a rollback is known by a lower one');
    assert.equal(text(Run), '<MigrationRun>');
    assert.equal(text(Database), '<DatabaseRole> <UsersTable> <UsersColumns>', 'another table is validated, too; never the URL, which may be a secret');
    assert.deepEqual(others, {});
  });

  test('a hotfix of the functions deploys while the database is down, because the migration is not asked', () => {
    const packages = dummyPackages();
    for (const name of FUNCTIONS) writeDummyZip(packages, name, `${name}, built again`);
    const again = synthesize({ functions: packages }).template;
    const code = ({ Resources }: Template) => Resources[consumer.id]!.Properties['Code'];
    assert.notDeepEqual(code(again), code(template));
    for (const custom of ['Custom::UsersTable', 'Custom::CognitoTriggers']) assert.deepEqual(resourcesOf(again, custom), ofType(custom));
  });

  test('the migration may write its own log and ask for the status of its own stack, and nothing else', () => {
    const logs = logGroupOf('migrate');
    assert.deepEqual(permissionsOf(migrate), [
      'cloudformation:DescribeStacks on <AWS::StackId>',
      `logs:CreateLogStream on <${logs}.Arn>`,
      `logs:PutLogEvents on <${logs}.Arn>`,
      ...TRACES,
    ]);
    assert.ok(dependsOn(migrate.id).some((dependency) => template.Resources[dependency]!.Type === 'AWS::IAM::Policy'));
  });

  test('a login of its own is asked for and never shown', () => {
    const { NoEcho, Default } = template.Parameters['MigrationDatabaseUrl']!;
    assert.deepEqual([NoEcho, Default], [true, '']);
  });
});

describe('times and limits', () => {
  test("the producer answers within Cognito's five seconds", () => {
    assert.ok(producer.properties['Timeout'] <= 5);
  });

  test("visibility is at least six times the consumer's time-out", () => {
    const visibility = template.Parameters['VisibilityTimeoutSeconds']!['Default'];
    assert.ok(visibility >= 6 * consumer.properties['Timeout']);
  });

  test('a dead-letter queue keeps messages longer than its source', () => {
    for (const deadLetters of [usersDlq, ruleDlq]) {
      assert.ok(deadLetters.properties['MessageRetentionPeriod'] > users.properties['MessageRetentionPeriod']);
    }
  });

  test('a queue keeps messages for twice a long weekend, so that one without a database costs no user their row', () => {
    assert.ok(users.properties['MessageRetentionPeriod'] >= 2 * 72 * 60 * 60);
  });

  test('logs do not stay for ever', () => {
    for (const [id, group] of ofType('AWS::Logs::LogGroup')) assert.ok(group['RetentionInDays'] > 0, id);
  });
});

describe('who may do what', () => {
  test('the producer may only publish to our bus, send to our queue and write its own log', () => {
    const logs = logGroupOf('producer');
    assert.deepEqual(permissionsOf(producer), [
      `events:PutEvents on <${bus.id}.Arn>`,
      `logs:CreateLogStream on <${logs}.Arn>`,
      `logs:PutLogEvents on <${logs}.Arn>`,
      `sqs:SendMessage on <${users.id}.Arn>`,
      ...TRACES,
    ]);
  });

  test('the consumer may only use its own queue, bury poison in its own dead-letter queue, and write its own log', () => {
    const logs = logGroupOf('consumer');
    assert.deepEqual(permissionsOf(consumer), [
      `logs:CreateLogStream on <${logs}.Arn>`,
      `logs:PutLogEvents on <${logs}.Arn>`,
      `sqs:ChangeMessageVisibility on <${users.id}.Arn>`,
      `sqs:DeleteMessage on <${users.id}.Arn>`,
      `sqs:GetQueueAttributes on <${users.id}.Arn>`,
      `sqs:ReceiveMessage on <${users.id}.Arn>`,
      `sqs:SendMessage on <${usersDlq.id}.Arn>`,
      ...TRACES,
    ]);
  });

  test('no two functions share a role', () => {
    assert.notEqual(text(producer.properties['Role']), text(consumer.properties['Role']));
  });

  test('no managed policy is attached, and no permission hides inside a role', () => {
    for (const [id, role] of ofType('AWS::IAM::Role')) {
      assert.equal(role['ManagedPolicyArns'], undefined, id);
      assert.equal(role['Policies'], undefined, id);
    }
    assert.deepEqual(ofType('AWS::IAM::ManagedPolicy'), []);
  });

  test("no policy names every resource, but for X-Ray's, which knows none", () => {
    for (const [id, { Properties }] of resources) {
      for (const statement of Properties['PolicyDocument']?.Statement ?? []) {
        if ([statement.Action].flat().every((action) => TRACES.includes(`${action} on *`))) continue;
        for (const resource of [statement.Resource].flat()) assert.doesNotMatch(text(resource), /\*/, id);
      }
    }
  });

  test('only the given pool, of this account, may call the producer', () => {
    const [[, { FunctionName, ...permission }]] = poolPermissions(template) as [[string, Record<string, any>]];
    assert.equal(text(FunctionName), `<${producer.id}.Arn>`);
    assert.deepEqual(Object.fromEntries(Object.entries(permission).map(([key, value]) => [key, text(value)])), {
      Action: 'lambda:InvokeFunction',
      Principal: 'cognito-idp.amazonaws.com',
      SourceAccount: '<AWS::AccountId>',
      SourceArn: 'arn:<AWS::Partition>:cognito-idp:<AWS::Region>:<AWS::AccountId>:userpool/<UserPoolId>',
    });
  });

  test('only our rule may send to the queue and to its own dead-letter queue, and nobody to the other', () => {
    const allowed = (id: string) => statementsFor(id).filter(({ Effect }) => Effect === 'Allow');
    for (const queue of [users, ruleDlq]) {
      const [statement, ...others] = allowed(queue.id);
      assert.deepEqual(others, []);
      assert.equal(statement?.['Action'], 'sqs:SendMessage');
      assert.deepEqual(statement?.['Principal'], { Service: 'events.amazonaws.com' });
      assert.equal(text(statement?.['Condition'].ArnEquals['aws:SourceArn']), `<${rule.id}.Arn>`);
    }
    assert.deepEqual(allowed(usersDlq.id), []);
  });

  test('queues refuse plain http', () => {
    for (const [id] of ofType('AWS::SQS::Queue')) {
      const refusals = statementsFor(id).filter(
        ({ Effect, Action, Condition }) =>
          Effect === 'Deny' && Action === 'sqs:*' && Condition?.Bool?.['aws:SecureTransport'] === 'false',
      );
      assert.equal(refusals.length, 1, id);
    }
  });

  test('queues are encrypted at rest', () => {
    for (const [id, queue] of ofType('AWS::SQS::Queue')) assert.equal(queue['SqsManagedSseEnabled'], true, id);
  });
});

describe('the triggers', () => {
  const wiring = named('AWS::Lambda::Function', 'FunctionName', 'trigger-wiring');
  const triggers = only('Custom::CognitoTriggers');
  const poolArn = 'arn:<AWS::Partition>:cognito-idp:<AWS::Region>:<AWS::AccountId>:userpool/<UserPoolId>';

  test('the custom resource attaches the producer to the pool, and no other trigger', () => {
    const { ServiceToken, ServiceTimeout, ...properties } = triggers;
    assert.equal(text(ServiceToken), `<${wiring.id}.Arn>`);
    assert.ok(ServiceTimeout > wiring.properties['Timeout'], 'a function that does not start fails in minutes');
    assert.deepEqual(Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, text(value)])), {
      UserPoolId: '<UserPoolId>',
      PreviousUserPoolId: '<PreviousUserPoolId>',
      PoolDefinition: '<PoolDefinition>',
      Force: '<ForceTriggers>',
      PostConfirmation: `<${producer.id}.Arn>`,
    });
  });

  test('the custom resource keeps its logical id, or the next deployment would attach nothing and then detach the pool', () => {
    // CloudFormation would create the resource of the new name, which finds the triggers set, and then delete that of the old one.
    assert.ok('PoolTriggerWiring2E9ACCFD' in template.Resources);
  });

  test('Cognito may call a function before it is attached, and until it is detached', () => {
    const [id, resource] = resources.find(([, { Type }]) => Type === 'Custom::CognitoTriggers')!;
    const permissions = poolPermissions(template);
    assert.equal(permissions.length, 1);
    for (const [permission] of permissions) assert.ok([resource.DependsOn].flat().includes(permission), id);
  });

  test('a deployment that moves to another pool leaves the one before permitted, so that it can be detached', () => {
    const before = poolArn.replace('<UserPoolId>', '<PreviousUserPoolId>');
    const [[id, permission], ...more] = ofType('AWS::Lambda::Permission').filter(([name]) => template.Resources[name]!.Condition) as [[string, Record<string, any>]];
    assert.deepEqual(more, []);
    assert.equal(template.Resources[id]!.Condition, 'PreviousUserPoolIdIsGiven');
    assert.equal(text(permission['SourceArn']), before);
    const statements = ofType('AWS::IAM::Policy').flatMap(([, policy]) => policy['PolicyDocument'].Statement);
    const either = statements.find(({ Resource }) => JSON.stringify(Resource).includes('PreviousUserPoolIdIsGiven'));
    const [condition, given, otherwise] = either.Resource['Fn::If'];
    assert.deepEqual([condition, text(given), text(otherwise)], ['PreviousUserPoolIdIsGiven', before, poolArn]);
    assert.equal(template.Parameters['PreviousUserPoolId']!['Default'], '');
  });

  test('the role for text messages may be passed to Cognito, and to no other service', () => {
    const statements = ofType('AWS::IAM::Policy').flatMap(([, policy]) => policy['PolicyDocument'].Statement);
    const passes = statements.filter(({ Action }) => Action === 'iam:PassRole');
    assert.deepEqual(passes.map(({ Condition }) => Condition), [{ StringEquals: { 'iam:PassedToService': 'cognito-idp.amazonaws.com' } }]);
  });

  test("the wiring may describe and update the one pool, and name again what the pool's update names", () => {
    const logs = logGroupOf('trigger-wiring');
    const granted = permissionsOf(wiring).map((permission) => permission.replace(/ on \{.*/, ' on a parameter'));
    assert.deepEqual(granted, [
      'cloudformation:DescribeStacks on <AWS::StackId>',
      `cognito-idp:DescribeUserPool on ${poolArn}`,
      'cognito-idp:DescribeUserPool on a parameter',
      `cognito-idp:GetUserPoolMfaConfig on ${poolArn}`,
      'cognito-idp:GetUserPoolMfaConfig on a parameter',
      `cognito-idp:UpdateUserPool on ${poolArn}`,
      'cognito-idp:UpdateUserPool on a parameter',
      'iam:PassRole on a parameter',
      'kms:CreateGrant on a parameter',
      `logs:CreateLogStream on <${logs}.Arn>`,
      `logs:PutLogEvents on <${logs}.Arn>`,
      ...TRACES,
    ]);
  });
});

describe('the check of the triggers', () => {
  const wiring = named('AWS::Lambda::Function', 'FunctionName', 'trigger-wiring');
  const [target, ...others] = schedule.properties['Targets'];

  test('runs every quarter of an hour on the default bus, and a late one is dropped', () => {
    assert.equal(schedule.properties['ScheduleExpression'], 'rate(15 minutes)');
    assert.equal(schedule.properties['EventBusName'], undefined);
    assert.deepEqual(others, []);
    assert.equal(text(target.Arn), `<${wiring.id}.Arn>`);
    assert.deepEqual(target.RetryPolicy, { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 });
  });

  test('expects what the custom resource attaches, and no other member that the function would refuse', () => {
    const { AttachmentCheck, ...rest } = JSON.parse(text(target.Input));
    assert.deepEqual(rest, {});
    assert.deepEqual(AttachmentCheck, { StackId: '<AWS::StackId>', UserPoolId: '<UserPoolId>', PostConfirmation: `<${producer.id}.Arn>`, Heal: 'no' });
  });

  test('has the event in the function too, so that one of another deployment is known', () => {
    assert.deepEqual(wiring.properties['Environment'].Variables, { ATTACHMENT_CHECK: target.Input });
  });

  test('may be called by its rule alone, besides CloudFormation', () => {
    const callers = ofType('AWS::Lambda::Permission').filter(([, { FunctionName }]) => text(FunctionName) === `<${wiring.id}.Arn>`);
    assert.deepEqual(callers.map(([, { Principal, SourceArn }]) => [Principal, text(SourceArn)]), [['events.amazonaws.com', `<${schedule.id}.Arn>`]]);
  });

  test('heals only when it is told to, and needs no more permissions for it', () => {
    const healing = synthesize({ heal: 'yes' }).template;
    const policies = (of: Template) => resourcesOf(of, 'AWS::IAM::Policy');
    assert.deepEqual(policies(healing), policies(template));
    const inputs = resourcesOf(healing, 'AWS::Events::Rule').flatMap(([, { Targets }]) => Targets.map(({ Input }: any) => text(Input ?? '')));
    assert.deepEqual(inputs.filter((input) => input.includes('"Heal":"yes"')).length, 1);
  });
});

describe('being seen', () => {
  const alarms = ofType('AWS::CloudWatch::Alarm');
  const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');

  test('every alarm is explained in the runbook, and goes to the topic if there is one', () => {
    assert.ok(alarms.length >= 7);
    for (const [id, alarm] of alarms) {
      const section = /docs\/runbook\.md#([a-z-]+)/.exec(alarm['AlarmDescription'])?.[1];
      assert.ok(section, id);
      const headings = runbook.split('\n').filter((line) => line.startsWith('## '));
      assert.ok(headings.some((heading) => heading.slice(3).toLowerCase().replaceAll(' ', '-') === section), section);
      const [action] = alarm['AlarmActions'];
      assert.deepEqual(action['Fn::If'][0], 'AlarmTopicIsGiven');
      assert.equal(text(action['Fn::If'][1]), '<AlarmTopicArn>');
    }
  });

  test('no data is no reason to wake anybody, but for the check of the triggers, which has some every quarter of an hour', () => {
    for (const [id, alarm] of alarms) {
      const checks = id.startsWith('PoolTriggerCheck');
      assert.equal(alarm['TreatMissingData'], checks ? 'missing' : 'notBreaching', id);
      assert.deepEqual(alarm['InsufficientDataActions'], checks ? alarm['AlarmActions'] : undefined, id);
    }
  });

  test('the dashboard and the alarms look at metrics that the functions write', () => {
    const sources = ['producer/src/lib.rs', 'consumer/src/summary.rs', 'infra/trigger-wiring/src/check.rs'].map((file) =>
      readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'),
    );
    const widgets: string = JSON.stringify(only('AWS::CloudWatch::Dashboard')['DashboardBody']);
    const named = [...widgets.matchAll(/\\"rollcall\\",\\"(\w+)\\"/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(named)].sort(), [
      'AttributeDropped',
      'Duplicates',
      'Inserted',
      'Poison',
      'Retried',
      'SignUpToRowMs',
      'TableUnfit',
      'UserConfirmedPublished',
      'UserConfirmedUnpublished',
      'UserConfirmedUnusable',
    ]);
    const metrics = alarms.flatMap(([, alarm]) => [alarm, ...(alarm['Metrics'] ?? []).map((query: any) => query.MetricStat?.Metric ?? {})]);
    const watched = metrics.filter(({ Namespace }) => Namespace === 'rollcall').map(({ MetricName }) => MetricName);
    assert.deepEqual([...new Set(watched)].sort(), [
      'AttributeDropped',
      'Duplicates',
      'Inserted',
      'Poison',
      'Retried',
      'TableUnfit',
      'TriggersAttached',
      'UserConfirmedPublished',
      'UserConfirmedUnpublished',
      'UserConfirmedUnusable',
    ]);
    for (const name of [...named, ...watched]) assert.ok(sources.some((source) => source.includes(`"${name}"`)), name);
  });

  test('an alarm tells within minutes when the table or the server rejects every row, which is not the message', () => {
    const found = alarms.filter(([, { MetricName }]) => MetricName === 'TableUnfit');
    assert.equal(found.length, 1);
    const [, alarm] = found[0]!;
    assert.deepEqual([alarm['Namespace'], alarm['Statistic'], alarm['Period']], ['rollcall', 'Sum', 60]);
    assert.deepEqual(alarm['Dimensions'].map(({ Name, Value }: any) => [Name, text(Value)]), [['FunctionName', `<${consumer.id}>`]]);
    assert.deepEqual([alarm['DatapointsToAlarm'], alarm['EvaluationPeriods'], alarm['Threshold']], [2, 60, 0]);
    assert.equal(alarm['ComparisonOperator'], 'GreaterThanThreshold');
    assert.match(alarm['AlarmDescription'], /docs\/runbook\.md#the-table-rejects-every-row\.$/);
  });

  test('an alarm tells when people sign up and the trigger is never called, if the client is named', () => {
    const [id, alarm] = alarms.find(([name]) => name.startsWith('PoolSilence'))!;
    assert.equal(template.Resources[id]!.Condition, 'UserPoolClientIsGiven');
    const [expression, ...metrics] = alarm['Metrics'];
    assert.equal(expression.Expression, 'IF(FILL(signUps, 0) >= 10 AND FILL(calls, 0) < 1, 1, 0)');
    const of = (wanted: string) => metrics.find(({ Id }: any) => Id === wanted).MetricStat.Metric;
    assert.deepEqual(
      of('signUps').Dimensions.map(({ Name, Value }: any) => `${Name}=${text(Value)}`),
      ['UserPool=<UserPoolId>', 'UserPoolClient=<UserPoolClientId>'],
    );
    assert.deepEqual([of('signUps').Namespace, of('signUps').MetricName], ['AWS/Cognito', 'SignUpSuccesses']);
    assert.deepEqual([of('calls').MetricName, text(of('calls').Dimensions[0].Value)], ['Invocations', `<${producer.id}>`]);
  });

  test('an alarm tells when the pool does not call our functions, by function and pool', () => {
    const [, alarm] = alarms.find(([id]) => id.startsWith('PoolTriggerCheck'))!;
    assert.deepEqual([alarm['MetricName'], alarm['Statistic'], alarm['Period'], alarm['ComparisonOperator'], alarm['Threshold']], [
      'TriggersAttached', 'Minimum', 900, 'LessThanThreshold', 1,
    ]);
    const wiring = named('AWS::Lambda::Function', 'FunctionName', 'trigger-wiring');
    assert.deepEqual(
      alarm['Dimensions'].map(({ Name, Value }: any) => `${Name}=${text(Value)}`),
      [`FunctionName=<${wiring.id}>`, 'UserPool=<UserPoolId>'],
    );
  });

  test('functions are traced', () => {
    for (const [id, lambda] of ofType('AWS::Lambda::Function')) {
      assert.deepEqual(lambda['TracingConfig'], { Mode: 'Active' }, id);
    }
  });

  test('every event can be replayed from an archive', () => {
    const archive = only('AWS::Events::Archive');
    assert.equal(text(archive['SourceArn']), `<${bus.id}.Arn>`);
    assert.deepEqual(archive['EventPattern'], { source: ['rollcall'] });
    assert.equal(text(archive['RetentionDays']), '<ArchiveDays>');
    const arn = 'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:archive/<NamePrefix>-archive';
    assert.equal(text(template.Outputs['ArchiveArn']!.Value), arn);
  });
});

describe('names and parameters', () => {
  test('every physical name begins with the prefix', () => {
    const nameProperty: Record<string, string> = {
      'AWS::CloudWatch::Alarm': 'AlarmName',
      'AWS::CloudWatch::Dashboard': 'DashboardName',
      'AWS::Events::Archive': 'ArchiveName',
      'AWS::Events::EventBus': 'Name',
      'AWS::Events::Rule': 'Name',
      'AWS::Lambda::Function': 'FunctionName',
      'AWS::Logs::LogGroup': 'LogGroupName',
      'AWS::SQS::Queue': 'QueueName',
    };
    for (const [id, { Type, Properties }] of resources) {
      const property = nameProperty[Type];
      if (property) assert.match(text(Properties[property]), /^(\/aws\/lambda\/)?<NamePrefix>-/, id);
    }
  });

  test('another prefix is refused on a deployed stack, because it would replace the function behind a custom resource', () => {
    // CloudFormation: "Modifying service token is not allowed". The queues of the old prefix, and what is in them, stay.
    assert.match(template.Parameters['NamePrefix']!['Description'], /refused/);
    for (const type of ['Custom::UsersTable', 'Custom::CognitoTriggers']) {
      const [token] = only(type)['ServiceToken']['Fn::GetAtt'];
      assert.match(text(template.Resources[token]!.Properties['FunctionName']), /^<NamePrefix>-/, type);
    }
  });

  test('the longest prefix still leaves every name within its limit', () => {
    const prefix = 'x'.repeat(40);
    assert.match(prefix, new RegExp(`^${template.Parameters['NamePrefix']!['AllowedPattern']}$`));
    assert.doesNotMatch(`${prefix}x`, new RegExp(`^${template.Parameters['NamePrefix']!['AllowedPattern']}$`));
    const shortest = { ArchiveName: 48, FunctionName: 64, QueueName: 80, Name: 64 };
    for (const [id, { Type, Properties }] of resources) {
      if (Type.startsWith('AWS::IAM::')) continue;
      for (const [property, limit] of Object.entries(shortest)) {
        // A reference to another resource is that resource's name; only those made here count.
        const name = Properties[property]?.['Fn::Join'] && text(Properties[property]).replace('<NamePrefix>', prefix);
        if (name) assert.ok(name.length <= limit, `${id}: ${name}`);
      }
    }
  });

  test('the database address is asked for and never shown', () => {
    const { NoEcho, Default } = template.Parameters['DatabaseUrl']!;
    assert.equal(NoEcho, true);
    assert.equal(Default, undefined);
  });

  test('the database address may be a Postgres URL or a reference to a secret, and nothing else', () => {
    const accepted = new RegExp(`^(?:${template.Parameters['DatabaseUrl']!['AllowedPattern']})$`);
    assert.match('postgres://someone@db.example/app', accepted);
    assert.match('postgresql://someone@db.example/app', accepted);
    assert.match('{{resolve:secretsmanager:app/db:SecretString:url}}', accepted);
    assert.doesNotMatch('mysql://someone@db.example/app', accepted);
    assert.doesNotMatch('', accepted);
  });

  test("the pool's id is asked for, and an ARN is refused", () => {
    const { AllowedPattern, Default } = template.Parameters['UserPoolId']!;
    const accepted = new RegExp(`^(?:${AllowedPattern})$`);
    assert.equal(Default, undefined);
    assert.match('eu-central-1_AbCdEfGhI', accepted);
    assert.doesNotMatch('arn:aws:cognito-idp:eu-central-1:111122223333:userpool/eu-central-1_AbCdEfGhI', accepted);
  });

  test('every number has bounds, a default between them and a sentence for whoever misses them', () => {
    const numbers = Object.entries(template.Parameters).filter(([, { Type }]) => Type === 'Number');
    assert.equal(numbers.length, 6);
    for (const [id, { MinValue, Default, MaxValue, ConstraintDescription }] of numbers) {
      assert.ok(MinValue <= Default && Default <= MaxValue, id);
      assert.match(ConstraintDescription, /^Give /, id);
    }
  });

  test('what others need to know is an output', () => {
    assert.deepEqual(Object.keys(template.Outputs).sort(), [
      'ArchiveArn',
      'BusArn',
      'BusName',
      'ConsumerFunctionName',
      'DlqUrl',
      'ProducerFunctionArn',
      'ProducerFunctionName',
      'QueueArn',
      'QueueUrl',
      'RuleDlqUrl',
    ]);
  });
});

describe('the template as a whole', () => {
  test('functions are the prebuilt zips, for the architecture that was asked for', () => {
    for (const { properties } of [producer, consumer]) {
      assert.equal(properties['Runtime'], 'provided.al2023');
      assert.equal(properties['Handler'], 'bootstrap');
      assert.deepEqual(properties['Architectures'], ['x86_64']);
    }
    assert.notEqual(producer.properties['Code'].S3Key, consumer.properties['Code'].S3Key);
  });

  test('a function logs to the group that its role may write', () => {
    assert.equal(text(producer.properties['LoggingConfig'].LogGroup), `<${logGroupOf('producer')}>`);
    assert.equal(text(consumer.properties['LoggingConfig'].LogGroup), `<${logGroupOf('consumer')}>`);
  });

  test('it holds only what the local stack can create, and two things that it leaves out because nothing depends on them', () => {
    const creatable = [
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::Dashboard',
      'AWS::Events::Archive',
      'AWS::Events::EventBus',
      'AWS::Events::EventBusPolicy',
      'AWS::Events::Rule',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Lambda::EventInvokeConfig',
      'AWS::Lambda::EventSourceMapping',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Logs::LogGroup',
      'AWS::SQS::Queue',
      'AWS::SQS::QueuePolicy',
      'Custom::CognitoTriggers',
      'Custom::UsersTable',
    ];
    const used = new Set(resources.map(([, resource]: [string, Resource]) => resource.Type));
    assert.deepEqual([...used].filter((type) => !creatable.includes(type)), []);
  });

  test('the synth has nothing to complain about', () => {
    assert.equal(printed, '');
  });
});
