/** The construct library, as an app with a stack for the pool and a stack for the database uses it. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { App, Duration, SecretValue, Stack, Validations } from 'aws-cdk-lib';
import { Mfa, UserPool } from 'aws-cdk-lib/aws-cognito';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { AccountRootPrincipal, Role, User } from 'aws-cdk-lib/aws-iam';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { AuroraPostgresEngineVersion, ClusterInstance, DatabaseCluster, DatabaseClusterEngine, DatabaseInstance, DatabaseInstanceEngine, PostgresEngineVersion } from 'aws-cdk-lib/aws-rds';
import { Alias, Key } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Database, Rollcall, type RollcallProps, Table } from '../construct/src/index.ts';
import { graphOf } from './closure.ts';
import { dummyPackages, resourcesOf, type Synthesized, synthesize, type Template, temporaryFolder, text } from './synthesized.ts';
import { written } from './source-constants.ts';

const functionsFolder = dummyPackages();

interface Adopted {
  readonly app: App;
  readonly auth: Stack;
  readonly backend: Stack;
  readonly pool: UserPool;
}

/** An app as people have it before they adopt anything. */
function appOfTheirs(env: { account?: string; region?: string } = {}): Adopted {
  const app = new App({ analyticsReporting: false, outdir: temporaryFolder(), context: { '@aws-cdk/core:defaultCrossStackReferences': 'strong' } });
  const auth = new Stack(app, 'AuthStack', { env });
  const backend = new Stack(app, 'BackendStack', { env });
  return { app, auth, backend, pool: new UserPool(auth, 'Users') };
}

function adopt(adopted: Adopted, props: Partial<RollcallProps> = {}, id = 'Rollcall'): Rollcall {
  const database = props.database ?? Database.fromSecret(new Secret(adopted.backend, `${id}Login`));
  return new Rollcall(adopted.backend, id, { userPool: adopted.pool, database, functionsFolder, ...props });
}

function synthesized({ app }: Adopted): Synthesized {
  const assembly = app.synth();
  const templates = Object.fromEntries(assembly.stacks.map(({ stackName, template }) => [stackName, template as Template]));
  return { template: templates['BackendStack']!, templates, printed: '', out: assembly.directory };
}

function environmentOf(template: Template, suffix: string): Record<string, unknown> {
  const found = resourcesOf(template, 'AWS::Lambda::Function').filter(([, { FunctionName: name }]) => text(name).endsWith(`-${suffix}`));
  assert.equal(found.length, 1, suffix);
  return found[0]![1]['Environment'].Variables;
}

function refusal(make: () => unknown): string {
  let said = '';
  assert.throws(make, (error: Error) => {
    said = error.message;
    return true;
  });
  return said;
}

describe('a pool in another stack', () => {
  const before = appOfTheirs();
  const poolAlone = synthesized(before).templates['AuthStack']!;
  const adopted = appOfTheirs();
  const rollcall = adopt(adopted);
  const all = synthesized(adopted);

  test('the stack of the pool gains an export and nothing else', () => {
    const { Outputs: gained, ...rest } = all.templates['AuthStack']!;
    const { Outputs: _, ...restBefore } = poolAlone;
    assert.deepEqual(rest, restBefore);
    assert.equal(Object.keys(gained).length, 1);
    assert.ok(!JSON.stringify(all.templates['AuthStack']).includes('BackendStack'));
  });

  test('it is the pipeline of the app in this repository, resource by resource', () => {
    const kinds = (template: Template) => {
      const unconditional = Object.values(template.Resources).filter(({ Condition }) => Condition === undefined);
      const counted: Record<string, number> = {};
      for (const { Type: type } of unconditional) counted[type] = (counted[type] ?? 0) + 1;
      return counted;
    };
    const { 'AWS::SecretsManager::Secret': _, ...ours } = kinds(all.template);
    assert.deepEqual(ours, kinds(synthesize({ database: 'secret' }).template));
  });

  test('the pool is attached after everything else', () => {
    const graph = graphOf(all);
    const wiring = [...graph.resources].find(([, { Type }]) => Type === 'Custom::CognitoTriggers')![0];
    const closure = graph.closure(wiring);
    const after = [...graph.resources.keys()].filter((name) => name !== wiring && !closure.has(name));
    // What has the triggers checked must find them attached.
    assert.deepEqual(after.map((name) => name.replace(/^.*?(TriggerCheck[A-Z][a-z]+[A-Z]?[a-z]*).*$/, '$1')), ['TriggerCheckSchedule', 'TriggerCheckMayCall']);
    for (const name of after) assert.ok(graph.closure(name).has(wiring), name);
  });

  test('events of that pool become rows and those of no other', () => {
    assert.match(text(environmentOf(all.template, 'consumer')['ALLOWED_USER_POOLS']), /^<AuthStack:ExportsOutputRefUsers\w+>$/);
  });

  test('a change of the pool in its own template attaches the triggers again', () => {
    const definition = (template: Template) => resourcesOf(template, 'Custom::CognitoTriggers')[0]![1]['PoolDefinition'];
    const changed = appOfTheirs();
    const renamed = { ...changed, pool: new UserPool(changed.auth, 'Others', { userPoolName: 'others' }) };
    adopt(renamed);
    assert.match(definition(all.template), /^[0-9a-f]{64}$/);
    assert.notEqual(definition(all.template), definition(synthesized(renamed).template));
  });

  test('an app that runs cdk-nag and the validation of the CDK hears of nothing in the construct', () => {
    const strict = appOfTheirs();
    Validations.of(strict.app).addPlugins(new AwsSolutionsChecks(strict.app));
    adopt(strict, { database: Database.fromUrl(SecretValue.secretsManager('app/database')), preSignUp: true, encryptionKey: new Key(strict.backend, 'Key', { enableKeyRotation: true }) });
    // Their own pool has findings, which end a synth.
    assert.throws(() => strict.app.synth());
    const { pluginReports: reports } = JSON.parse(readFileSync(join(strict.app.outdir, 'validation-report.json'), 'utf8'));
    const findings = JSON.stringify(reports.map(({ violations }: { violations: unknown }) => violations));
    assert.match(findings, /AwsSolutions-COG/);
    assert.doesNotMatch(findings, /BackendStack\/Rollcall\//);
  });

  test('lost triggers are attached again only if that is wanted', () => {
    const heals = (props: Partial<RollcallProps>) => {
      const adopted = appOfTheirs();
      adopt(adopted, props);
      return JSON.parse(text(environmentOf(synthesized(adopted).template, 'trigger-wiring')['ATTACHMENT_CHECK']))['AttachmentCheck']['Heal'];
    };
    assert.deepEqual([heals({}), heals({ heal: true })], ['no', 'yes']);
  });

  test('instances are kept free for the triggers and the consumer only if that is wanted', () => {
    const reserved = (props: Partial<RollcallProps>) => {
      const adopted = appOfTheirs();
      adopt(adopted, { preSignUp: true, ...props });
      const lambdas = resourcesOf(synthesized(adopted).template, 'AWS::Lambda::Function');
      const functions = ['producer', 'pre-sign-up', 'consumer', 'migrate', 'trigger-wiring'];
      return functions.map((name) => lambdas.find(([, { FunctionName }]) => text(FunctionName).endsWith(`-${name}`))![1]['ReservedConcurrentExecutions']);
    };
    assert.deepEqual(reserved({}), [undefined, undefined, undefined, undefined, undefined]);
    assert.deepEqual(reserved({ triggerReservedConcurrency: 20, reserveConsumer: true, maxConcurrency: 7 }), [20, 20, 7, undefined, undefined]);
    for (const wrong of [0, -1, 1.5, 10_000]) {
      assert.match(refusal(() => adopt(appOfTheirs(), { triggerReservedConcurrency: wrong })), /the `triggerReservedConcurrency` is .*: give a whole number from 1 to 9999/);
    }
  });

  test('every alarm is there for actions of the app', () => {
    assert.equal(rollcall.alarms.length, resourcesOf(all.template, 'AWS::CloudWatch::Alarm').length);
  });
});

test('a pool of another account or Region is refused', () => {
  const imported = (account: string, region: string) => {
    const adopted = appOfTheirs({ account: '111111111111', region: 'eu-central-1' });
    return { ...adopted, pool: UserPool.fromUserPoolArn(adopted.backend, 'Theirs', `arn:aws:cognito-idp:${region}:${account}:userpool/${region}_AbCdEfGhI`) as UserPool };
  };
  assert.match(refusal(() => adopt(imported('111111111111', 'us-east-1'))), /the user pool is in the region us-east-1, and this stack in eu-central-1/);
  assert.match(refusal(() => adopt(imported('222222222222', 'eu-central-1'))), /the user pool is in the account 222222222222/);
  const { template } = synthesized((() => {
    const adopted = imported('111111111111', 'eu-central-1');
    adopt(adopted);
    return adopted;
  })());
  assert.equal(environmentOf(template, 'consumer')['ALLOWED_USER_POOLS'], 'eu-central-1_AbCdEfGhI');
});

describe('names', () => {
  test('two of them in one stack have none in common', () => {
    const adopted = appOfTheirs();
    adopt(adopted);
    adopt(adopted, {}, 'Second');
    const { template } = synthesized(adopted);
    const names = Object.values(template.Resources).flatMap(({ Properties }) =>
      ['FunctionName', 'QueueName', 'AlarmName', 'LogGroupName', 'DashboardName', 'ArchiveName'].flatMap((key) => Properties?.[key] ?? []),
    );
    assert.equal(new Set(names.map(text)).size, names.length);
    for (const name of names.map(text)) assert.ok(name.length <= 64, name);
  });

  test('a prefix that no function can have is refused', () => {
    for (const namePrefix of ['', '9lives', 'under_score', 'x'.repeat(41)]) {
      assert.match(refusal(() => adopt(appOfTheirs(), { namePrefix })), /at most 40 letters, digits and hyphens/);
    }
  });
});

describe('the table', () => {
  const variables = (table?: Table) => {
    const adopted = appOfTheirs();
    adopt(adopted, table ? { table } : {});
    const { template } = synthesized(adopted);
    const { USERS_TABLE: name, USERS_COLUMNS: columns } = environmentOf(template, 'consumer');
    const migration = environmentOf(template, 'migrate');
    assert.deepEqual([migration['USERS_TABLE'], migration['USERS_COLUMNS']], [name, columns]);
    return [name, columns];
  };

  test('without one it is our own', () => assert.deepEqual(variables(), ['', '']));

  test('columns that are not named keep their names', () => {
    const table = new Table({ name: 'public.users', columns: { email: 'email_address' } });
    assert.deepEqual(variables(table), ['public.users', 'cognito_sub=cognito_sub,email=email_address,first_name=first_name,last_name=last_name']);
  });

  test('names are quoted where they have to be, an attribute may be left out, and constants are added', () => {
    const table = new Table({
      name: 'app.accounts',
      columns: { cognito_sub: 'authId', last_name: '', 'custom:tenant': 'tenant_id', phone_number: 'a"b' },
      constants: { email: 'false', source: "'cognito'" },
    });
    assert.deepEqual(variables(table)[1], 'cognito_sub="authId",email=email,first_name=first_name,custom:tenant=tenant_id,phone_number="a""b","email"=false,"source"=\'cognito\'');
  });

  test('the key cannot be left out', () => {
    assert.match(refusal(() => new Table({ name: 'users', columns: { cognito_sub: '' } })), /name the column that holds it/);
  });

  test('our own columns are those of the consumer', () => {
    const names = written('consumer/src/table/mod.rs', /columns: Vec<_> = \[([^\]]+)\]/);
    assert.equal(names, 'Attribute::CognitoSub, Attribute::Email, Attribute::FirstName, Attribute::LastName');
    const constants = new Table({ constants: { is_active: 'true' } })._variables()['USERS_COLUMNS'];
    assert.equal(new Table({ columns: {} })._variables()['USERS_COLUMNS'], constants);
    assert.equal(constants, 'cognito_sub=cognito_sub,email=email,first_name=first_name,last_name=last_name,"is_active"=true');
  });
});

describe('the database', () => {
  const REGION = { account: '111111111111', region: 'eu-central-1' };

  /** What a role may do, as lines of action and resource. */
  const rights = (template: Template) =>
    resourcesOf(template, 'AWS::IAM::Policy').flatMap(([, { PolicyDocument: { Statement: statements } }]) =>
      statements.flatMap(({ Action: actions, Resource: on }: any) => [actions].flat().map((action: string) => `${action} ${text(on)}`)),
    );

  test('in a VPC the functions run in private subnets, and the database lets them in', () => {
    const adopted = appOfTheirs(REGION);
    const vpc = new Vpc(adopted.backend, 'Vpc');
    const instance = new DatabaseInstance(adopted.backend, 'Database', {
      vpc,
      engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_16 }),
    });
    adopt(adopted, { database: Database.fromSecret(instance.secret!, { vpc, instance }) });
    const { template } = synthesized(adopted);
    const { DATABASE_CA: ca, ...rest } = environmentOf(template, 'consumer');
    assert.equal(ca, '/var/task/rds/eu-central-1.pem');
    assert.ok(!('DATABASE_HOST' in rest), 'the secret says it');
    const inside = resourcesOf(template, 'AWS::Lambda::Function').filter(([, { VpcConfig }]) => VpcConfig !== undefined);
    assert.deepEqual(inside.map(([, { FunctionName: name }]) => text(name).split('-').at(-1)).sort(), ['consumer', 'migrate']);
    assert.equal(inside[0]![1]['VpcConfig'].SubnetIds.length, vpc.privateSubnets.length);
    assert.equal(resourcesOf(template, 'AWS::EC2::SecurityGroupIngress').length, 1);
  });

  test('without a VPC there is no security group that a database could let in', () => {
    const rollcall = adopt(appOfTheirs());
    assert.match(refusal(() => rollcall.connections), /give the `vpc` of the database to `Database`/);
  });

  test('a secret that is known by its name alone can be read', () => {
    const adopted = appOfTheirs();
    adopt(adopted, { database: Database.fromSecret(Secret.fromSecretNameV2(adopted.backend, 'Login', 'app/database')) });
    const reads = rights(synthesized(adopted).template).filter((line) => line.startsWith('secretsmanager:GetSecretValue'));
    assert.equal(reads.length, 2);
    for (const read of reads) assert.match(read, /:secret:app\/database-\?{6}$/);
  });

  test('a Region whose CA certificates the functions lack gets a warning', () => {
    const folder = dummyPackages();
    mkdirSync(join(folder, 'rds'));
    writeFileSync(join(folder, 'rds/eu-central-1.pem'), '');
    const caIn = (region: string) => {
      const adopted = appOfTheirs({ account: '111111111111', region });
      adopt(adopted, { functionsFolder: folder });
      const assembly = adopted.app.synth();
      const messages = assembly.getStackByName('BackendStack').messages.map(({ entry }) => String(entry.data));
      return [environmentOf(assembly.getStackByName('BackendStack').template, 'consumer')['DATABASE_CA'], messages.filter((one) => one.includes('CA certificates'))];
    };
    assert.deepEqual(caIn('eu-central-1'), ['/var/task/rds/eu-central-1.pem', []]);
    const [ca, [warning]] = caIn('mx-central-1') as [unknown, [string]];
    assert.equal(ca, undefined);
    assert.match(warning, /no CA certificates of RDS for mx-central-1/);
  });

  /** Everything that CloudFormation makes before the table. */
  const beforeTheTable = (all: Synthesized): string[] => {
    const graph = graphOf(all);
    const table = [...graph.resources].find(([, { Type }]) => Type === 'Custom::UsersTable')![0];
    return [...graph.closure(table)].map((name) => graph.resources.get(name)!.Type);
  };

  test('the migration waits for the way out of its subnets, and keeps it until it has responded in a deletion', () => {
    const adopted = appOfTheirs(REGION);
    adopt(adopted, { database: Database.fromSecret(new Secret(adopted.backend, 'Login'), { vpc: new Vpc(adopted.backend, 'Vpc') }) });
    const before = beforeTheTable(synthesized(adopted));
    assert.ok(before.includes('AWS::EC2::NatGateway') && before.includes('AWS::EC2::Route'), before.join(' '));
  });

  test('the migration waits for the writer of a cluster and for the rule that lets it in', () => {
    const adopted = appOfTheirs(REGION);
    const vpc = new Vpc(adopted.backend, 'Vpc');
    const cluster = new DatabaseCluster(adopted.backend, 'Cluster', {
      vpc,
      engine: DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_16_4 }),
      writer: ClusterInstance.serverlessV2('Writer'),
    });
    adopt(adopted, { database: Database.fromSecret(cluster.secret!, { vpc, instance: cluster }) });
    const before = beforeTheTable(synthesized(adopted));
    assert.ok(before.includes('AWS::RDS::DBInstance') && before.includes('AWS::EC2::SecurityGroupIngress'), before.join(' '));
  });

  test('a database in a stack of its own needs nothing of ours', () => {
    const adopted = appOfTheirs(REGION);
    const data = new Stack(adopted.app, 'DataStack', { env: REGION });
    const vpc = new Vpc(data, 'Vpc');
    const instance = new DatabaseInstance(data, 'Database', { vpc, engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_16 }) });
    adopt(adopted, { database: Database.fromSecret(instance.secret!, { vpc, instance }) });
    const second = adopt(adopted, { database: Database.fromSecret(instance.secret!, { vpc }) }, 'Second');
    second.connections.allowToDefaultPort(instance);
    const { templates } = synthesized(adopted);
    assert.ok(!JSON.stringify(templates['DataStack']).includes('BackendStack'));
    assert.equal(resourcesOf(templates['BackendStack']!, 'AWS::EC2::SecurityGroupIngress').length, 2);
  });

  test('permissions name the key itself and never its alias', () => {
    const adopted = appOfTheirs();
    const key = new Key(adopted.backend, 'Key');
    const alias = key.addAlias('alias/ours');
    adopt(adopted, { encryptionKey: alias, database: Database.fromSecret(new Secret(adopted.backend, 'Secret', { encryptionKey: alias })) });
    const uses = rights(synthesized(adopted).template).filter((line) => line.startsWith('kms:'));
    assert.ok(uses.length > 4);
    for (const use of uses) assert.match(use, / <Key\w+\.Arn>$/);
    const byName = Alias.fromAliasName(adopted.backend, 'Named', 'alias/theirs');
    assert.match(refusal(() => adopt(adopted, { encryptionKey: byName }, 'Second')), /give the key itself/);
  });

  test('what a key of yours cannot encrypt goes to a queue that does not need it', () => {
    const adopted = appOfTheirs();
    adopt(adopted, { encryptionKey: new Key(adopted.backend, 'Key'), namePrefix: 'app' });
    const keys = resourcesOf(synthesized(adopted).template, 'AWS::SQS::Queue').map(([, { QueueName: name, KmsMasterKeyId: key }]) => [text(name), key !== undefined]);
    assert.deepEqual(Object.fromEntries(keys), { 'app-rule-dlq': false, 'app-users-dlq': true, 'app-users': true });
  });

  test('a URL, and a login of its own for the migration', () => {
    const adopted = appOfTheirs();
    const database = Database.fromUrl(SecretValue.secretsManager('app/database', { jsonField: 'url' }), {
      migrationUrl: SecretValue.secretsManager('app/owner', { jsonField: 'url' }),
      consumerRole: 'rollcall',
    });
    adopt(adopted, { database });
    const { template } = synthesized(adopted);
    assert.equal(environmentOf(template, 'consumer')['DATABASE_URL'], '{{resolve:secretsmanager:app/database:SecretString:url::}}');
    assert.equal(environmentOf(template, 'migrate')['DATABASE_URL'], '{{resolve:secretsmanager:app/owner:SecretString:url::}}');
    assert.equal(environmentOf(template, 'migrate')['DATABASE_GRANT_TO'], 'rollcall');
  });

  test('tokens of RDS, through a proxy', () => {
    const adopted = appOfTheirs();
    const database = Database.fromIam({
      user: 'rollcall', resourceId: 'prx-1', host: 'proxy.example', databaseName: 'app', transactionPooler: true,
      migrationHost: 'database.example', migrationResourceId: 'db-1', migrationUser: 'owner',
    });
    adopt(adopted, { database });
    const { template } = synthesized(adopted);
    const { DATABASE_HOST: host, DATABASE_POOLER: pooler } = environmentOf(template, 'consumer');
    assert.deepEqual([host, pooler], ['proxy.example', 'transaction']);
    const { DATABASE_HOST: itself, DATABASE_POOLER: none, DATABASE_USER: owner } = environmentOf(template, 'migrate');
    assert.deepEqual([itself, none, owner], ['database.example', undefined, 'owner']);
    const connects = rights(template).filter((line) => line.startsWith('rds-db:connect'));
    assert.deepEqual(connects.map((line) => line.split('dbuser:')[1]).sort(), ['db-1/owner', 'prx-1/rollcall']);
  });

  test('what does not go together is refused', () => {
    assert.match(refusal(() => Database.fromIam({ user: 'rollcall', resourceId: 'db-1' })), /needs `host` and `databaseName`/);
    const adopted = appOfTheirs();
    const login = new Secret(adopted.backend, 'Login');
    assert.match(refusal(() => adopt(adopted, { database: Database.fromSecret(login, { securityGroups: [] }) })), /need its `vpc`/);
    assert.match(refusal(() => adopt(appOfTheirs(), { database: Database.fromSecret(login, { sslMode: 'prefer' }) })), /give `verify-full` or/);
  });

  test('without a migration nothing touches the table', () => {
    const adopted = appOfTheirs();
    adopt(adopted, { database: Database.fromSecret(new Secret(adopted.backend, 'Login'), { migrate: false }) });
    assert.equal(resourcesOf(synthesized(adopted).template, 'Custom::UsersTable').length, 0);
  });
});

describe('what else is chosen', () => {
  test('numbers that AWS would refuse are refused', () => {
    const wrong: [Partial<RollcallProps>, RegExp][] = [
      [{ batchSize: 0 }, /`batchSize` is 0: give a whole number from 1 to 10000/],
      [{ batchSize: 11 }, /give a `maxBatchingWindow` of at least one second/],
      [{ maxConcurrency: 1 }, /`maxConcurrency` is 1: give a whole number from 2 to 1000/],
      [{ maxReceiveCount: 1_001 }, /`maxReceiveCount` is 1001/],
      [{ visibilityTimeout: Duration.days(1) }, /`visibilityTimeout` is 86400: .*in seconds/],
      [{ visibilityTimeout: Duration.seconds(29) }, /`visibilityTimeout` is 29: give a whole number from 30 to 43200/],
      [{ visibilityTimeout: Duration.minutes(5), maxBatchingWindow: Duration.minutes(5) }, /`visibilityTimeout` is 300: give a whole number from 330/],
      [{ forwardAttributes: ['tenant'] }, /`forwardAttributes` has `tenant`: give .*`custom:tenant`/],
      [{ furtherUserPools: ['arn:aws:cognito-idp:eu-central-1:1:userpool/x'] }, /give ids of user pools/],
      [{ previousUserPoolId: 'users' }, /give the id of a user pool/],
      [{ operatorRoleArns: ['ops'] }, /give ARNs of IAM roles/],
      [{ archiveRetention: Duration.days(366) }, /`archiveRetention` is 366: .*in days/],
    ];
    for (const [props, sentence] of wrong) assert.match(refusal(() => adopt(appOfTheirs(), props)), sentence);
  });

  test('alarms go to the topic, and who may send is narrowed to the operators', () => {
    const adopted = appOfTheirs();
    const alarmTopic = new Topic(adopted.backend, 'Topic');
    adopt(adopted, { alarmTopic, operatorRoleArns: ['arn:aws:iam::111111111111:role/ops'] });
    const { template } = synthesized(adopted);
    for (const [id, { AlarmActions: actions }] of resourcesOf(template, 'AWS::CloudWatch::Alarm')) assert.equal(actions.length, 1, id);
    assert.equal(resourcesOf(template, 'AWS::Events::EventBusPolicy').length, 1);
    const policies = resourcesOf(template, 'AWS::SQS::QueuePolicy').map(([, { PolicyDocument }]) => JSON.stringify(PolicyDocument));
    for (const policy of policies) assert.match(policy, /OnlyOursAndOperators/);
  });

  test('a batch that waits to fill is hidden as long', () => {
    const adopted = appOfTheirs();
    adopt(adopted, { maxBatchingWindow: Duration.minutes(5) });
    const hidden = resourcesOf(synthesized(adopted).template, 'AWS::SQS::Queue').map(([, { VisibilityTimeout: seconds }]) => seconds);
    assert.ok(hidden.includes(480), String(hidden));
  });

  test('an update of the pool may name its role for text messages again, and asks for the key of its senders', () => {
    const withSms = appOfTheirs();
    const pool = new UserPool(withSms.auth, 'WithSms', { mfa: Mfa.OPTIONAL, mfaSecondFactor: { sms: true, otp: true } });
    adopt({ ...withSms, pool });
    assert.match(JSON.stringify(resourcesOf(synthesized(withSms).template, 'AWS::IAM::Policy')), /iam:PassRole.*WithSmssmsRole/);
    const withSender = appOfTheirs();
    const customSenderKmsKey = new Key(withSender.auth, 'SenderKey');
    const sender = { ...withSender, pool: new UserPool(withSender.auth, 'WithSender', { customSenderKmsKey }) };
    assert.match(refusal(() => adopt(sender)), /give that key in `senderKey`/);
    adopt(sender, { senderKey: customSenderKmsKey }, 'Second');
  });

  test('a deployment that moves to another pool keeps both permitted', () => {
    const adopted = appOfTheirs();
    adopt(adopted, { previousUserPoolId: 'eu-central-1_Before' });
    const { template } = synthesized(adopted);
    assert.equal(resourcesOf(template, 'AWS::Lambda::Permission').filter(([, { Principal: who }]) => who === 'cognito-idp.amazonaws.com').length, 2);
    assert.equal(resourcesOf(template, 'Custom::CognitoTriggers')[0]![1]['PreviousUserPoolId'], 'eu-central-1_Before');
    assert.match(text(environmentOf(template, 'consumer')['ALLOWED_USER_POOLS']), /,eu-central-1_Before$/);
  });

  test('further pools may call the functions, and their events become rows', () => {
    const adopted = appOfTheirs();
    adopt(adopted, { furtherUserPools: ['eu-central-1_Further'] });
    const { template } = synthesized(adopted);
    const sources = resourcesOf(template, 'AWS::Lambda::Permission').map(([, { SourceArn: source }]) => text(source));
    assert.ok(sources.some((source) => source.endsWith('userpool/eu-central-1_Further')), sources.join(' '));
    assert.match(text(environmentOf(template, 'consumer')['ALLOWED_USER_POOLS']), /,eu-central-1_Further$/);
  });

  test('a role that is granted to send is not denied it', () => {
    const adopted = appOfTheirs();
    const rollcall = adopt(adopted, { operatorRoleArns: ['arn:aws:iam::111111111111:role/ops'] });
    rollcall.grantReplay(new Role(adopted.backend, 'Night', { assumedBy: new AccountRootPrincipal() }));
    assert.match(refusal(() => rollcall.grantPublish(new User(adopted.backend, 'Person'))), /grant to a role/);
    const { template } = synthesized(adopted);
    for (const [, { PolicyDocument }] of resourcesOf(template, 'AWS::SQS::QueuePolicy')) {
      const denied = PolicyDocument.Statement.find(({ Sid }: { Sid: string }) => Sid === 'OnlyOursAndOperators');
      assert.match(JSON.stringify(denied), /"Night\w+"/);
    }
  });

  test('a custom resource is not begun when CloudFormation has given up on it', () => {
    const adopted = appOfTheirs();
    adopt(adopted);
    const invoked = resourcesOf(synthesized(adopted).template, 'AWS::Lambda::EventInvokeConfig').map(([, about]) => [about['MaximumEventAgeInSeconds'], about['MaximumRetryAttempts']]);
    assert.deepEqual(invoked, [[60, 0], [60, 0]]);
  });

  test('an operator may take dead letters and send to the queue, and nothing else', () => {
    const adopted = appOfTheirs();
    const rollcall = adopt(adopted);
    rollcall.grantReplay(new Role(adopted.backend, 'Operator', { assumedBy: new AccountRootPrincipal() }));
    const { template } = synthesized(adopted);
    const [, { PolicyDocument: { Statement: statements } }] = resourcesOf(template, 'AWS::IAM::Policy').find(([id]) => id.startsWith('Operator'))!;
    const may = statements.flatMap(({ Action: actions, Resource: on }: any) => actions.map((action: string) => `${action} ${text(on)}`));
    const changes = may.filter((line: string) => !/Get|Receive|ChangeMessageVisibility/.test(line));
    assert.deepEqual(changes.map((line: string) => line.replace(/<(\w+?)[0-9A-F]{8}\.Arn>/, '$1')), [
      'sqs:DeleteMessage RollcallPipelineUsersDeadLetters', 'sqs:DeleteMessage RollcallPipelineUserConfirmedUndelivered', 'sqs:SendMessage RollcallPipelineUsersQueue',
    ]);
  });

  test('a figure is that of the function that counts it', () => {
    const adopted = appOfTheirs();
    const rollcall = adopt(adopted);
    const of = (metric: { dimensions?: Record<string, unknown>; statistic: string }) => [metric.dimensions?.['FunctionName'], metric.statistic];
    assert.deepEqual(of(rollcall.metricPublished()), [rollcall.producer.functionName, 'Sum']);
    assert.deepEqual(of(rollcall.metricInserted({ statistic: 'Average' })), [rollcall.consumer.functionName, 'Average']);
    assert.deepEqual(of(rollcall.metricSignUpToRow()), [rollcall.consumer.functionName, 'p50']);
    const rejecting = adopt(adopted, { preSignUp: true }, 'Second');
    assert.deepEqual(of(rejecting.metric('SignUpRejected')), [rejecting.preSignUp!.functionName, 'Sum']);
  });

  test('functions that are not there are named, and the right ones are found', () => {
    const empty = temporaryFolder();
    assert.match(refusal(() => adopt(appOfTheirs(), { functionsFolder: empty })), /cannot find the functions for arm64 or x86_64/);
    assert.match(refusal(() => adopt(appOfTheirs(), { architecture: Architecture.ARM_64 })), /cannot find the functions for arm64 in/);
    const adopted = appOfTheirs();
    adopt(adopted);
    for (const [, { Architectures: built }] of resourcesOf(synthesized(adopted).template, 'AWS::Lambda::Function')) assert.deepEqual(built, ['x86_64']);
  });
});
