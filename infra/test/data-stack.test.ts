/** What the stack with the database must keep. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { DataStack } from '../app/data-stack.ts';
import { ARCHIVE_DAYS, CONSUMER, MAXIMUM_CONCURRENCY } from '../construct/src/limits.ts';
import { DATA } from '../app/data-limits.ts';
import { seconds, written } from './source-constants.ts';
import { dummyPackages, runApp, synthesize, type Template, temporaryFolder, text } from './synthesized.ts';

/** The stack, and the pipeline that borrows from it. */
function synthesizeData(context: Record<string, unknown>, variables: Record<string, string> = {}): { data: Template; borrower: Template; printed: string } {
  const { templates, printed } = synthesize({ database: 'aurora', ...context }, variables);
  return { data: templates['RollcallData']!, borrower: templates['RollcallPipeline']!, printed };
}

const { data, borrower, printed } = synthesizeData({ nag: true });
const resources = Object.entries(data.Resources);

function ofType(type: string): [id: string, properties: Record<string, any>][] {
  return resources.filter(([, { Type }]) => Type === type).map(([id, { Properties }]) => [id, Properties]);
}

function only(type: string): [id: string, properties: Record<string, any>] {
  const found = ofType(type);
  assert.equal(found.length, 1, `one ${type}`);
  return found[0]!;
}

const [clusterId, cluster] = only('AWS::RDS::DBCluster');
const [, instance] = only('AWS::RDS::DBInstance');
const [proxyId, proxy] = only('AWS::RDS::DBProxy');
const [, pool] = only('AWS::RDS::DBProxyTargetGroup');

/** What the stack hands to the pipeline, with references as CloudFormation has them. */
const stack = new DataStack(new App({ autoSynth: false, analyticsReporting: false }), 'RollcallData', { name: 'rollcall' });
const consumer = stack.resolve(stack.consumer);
const migrate = stack.resolve(stack.migrate);

/** The groups by what they are, instead of by their logical ids. */
const GROUPS: [pattern: RegExp, name: string][] = [
  [/NetworkFunctions/, 'functions'],
  [/ProxyGroup/, 'proxy'],
  [/DatabaseGroup/, 'database'],
  [/SecretsManagerEndpoint/, 'secrets'],
  [/SqsEndpoint/, 'sqs'],
  [/XRayEndpoint/, 'xray'],
];

function groupNamed(reference: unknown): string {
  const found = GROUPS.find(([pattern]) => pattern.test(text(reference)));
  assert.ok(found, text(reference));
  return found[1];
}

/** A rule's port; one that the CDK takes from the cluster is the cluster's. */
function portOf(rule: Record<string, any>): string {
  assert.deepEqual(rule['FromPort'], rule['ToPort']);
  assert.equal(rule['IpProtocol'], 'tcp');
  return text(rule['FromPort']).replace(`<${clusterId}.Endpoint.Port>`, String(cluster['Port']));
}

describe('who reaches whom', () => {
  const from = (rule: Record<string, any>) => (rule['CidrIp'] ? text(rule['CidrIp']) : groupNamed(rule['SourceSecurityGroupId']));
  const to = (rule: Record<string, any>) => (rule['CidrIp'] ? text(rule['CidrIp']) : groupNamed(rule['DestinationSecurityGroupId']));

  test('the database is reached by the functions and by the proxy, the proxy by the functions, and neither by anybody else', () => {
    const apart = ofType('AWS::EC2::SecurityGroupIngress').map(([, rule]) => `${from(rule)} → ${groupNamed(rule['GroupId'])} ${portOf(rule)}`);
    assert.deepEqual(apart.sort(), [
      'functions → database 5432',
      'functions → proxy 5432',
      'functions → secrets 443',
      'functions → sqs 443',
      'functions → xray 443',
      'proxy → database 5432',
    ]);
    for (const [id, group] of ofType('AWS::EC2::SecurityGroup')) assert.equal(group['SecurityGroupIngress'], undefined, id);
  });

  test('nothing calls out, but the functions and the proxy to what they need', () => {
    const apart = ofType('AWS::EC2::SecurityGroupEgress').map(([, rule]) => `${groupNamed(rule['GroupId'])} → ${to(rule)} ${portOf(rule)}`);
    assert.deepEqual(apart.sort(), ['functions → database 5432', 'functions → proxy 5432', 'proxy → database 5432']);
  });

  test('no group is left without a rule of its own, because EC2 would let it call everywhere', () => {
    const groups = ofType('AWS::EC2::SecurityGroup');
    assert.equal(groups.length, GROUPS.length);
    for (const [id, group] of groups) {
      const own = group['SecurityGroupEgress'].map((rule: any) => `${rule.CidrIp} ${rule.IpProtocol} ${rule.FromPort}`);
      // 443 to anywhere is the endpoints and S3: the route tables know no other way.
      const expected = groupNamed(id) === 'functions' ? '0.0.0.0/0 tcp 443' : '255.255.255.255/32 icmp 252';
      assert.deepEqual(own, [expected], id);
    }
  });

  test('there is no way to the internet and none from it', () => {
    const used = new Set(resources.map(([, { Type }]) => Type));
    for (const type of ['InternetGateway', 'VPCGatewayAttachment', 'NatGateway', 'EgressOnlyInternetGateway', 'EIP', 'Route']) {
      assert.ok(!used.has(`AWS::EC2::${type}`), type);
    }
    for (const [id, subnet] of ofType('AWS::EC2::Subnet')) assert.equal(subnet['MapPublicIpOnLaunch'], false, id);
    assert.equal(instance['PubliclyAccessible'], false);
  });

  test('database, proxy, endpoints and functions are in the same two subnets, each in another zone', () => {
    const subnets = ofType('AWS::EC2::Subnet');
    assert.equal(subnets.length, 2);
    assert.equal(new Set(subnets.map(([, { AvailabilityZone }]) => text(AvailabilityZone))).size, 2);
    const both = subnets.map(([id]) => `<${id}>`);
    const placed = [
      ...ofType('AWS::RDS::DBSubnetGroup').map(([, { SubnetIds }]) => SubnetIds),
      proxy['VpcSubnetIds'],
      stack.resolve(stack.subnets.subnetIds),
      ...ofType('AWS::EC2::VPCEndpoint').flatMap(([, { SubnetIds }]) => (SubnetIds ? [SubnetIds] : [])),
    ];
    assert.equal(placed.length, 6);
    for (const ids of placed) assert.deepEqual(ids.map(text), both);
  });

  test('the functions get the one group that the database knows', () => {
    assert.deepEqual(stack.resolve(stack.subnets.securityGroupIds).map(groupNamed), ['functions']);
  });

  test('what is refused in the network is logged', () => {
    const [, log] = only('AWS::EC2::FlowLog');
    assert.equal(log['TrafficType'], 'REJECT');
    assert.match(text(log['ResourceId']), /Vpc/);
  });
});

describe('the endpoints', () => {
  const endpoints = new Map(ofType('AWS::EC2::VPCEndpoint').map(([, endpoint]) => [text(endpoint['ServiceName']).split('.').at(-1)!, endpoint]));
  const allowed = (service: string) =>
    endpoints
      .get(service)!
      ['PolicyDocument'].Statement.flatMap(({ Effect, Action, Resource }: any) =>
        [Action].flat().map((action) => `${Effect} ${action} on ${text(Resource)}`),
      );

  test('the functions reach SQS, Secrets Manager and X-Ray by their usual names, and S3 by its gateway', () => {
    assert.deepEqual([...endpoints.keys()].sort(), ['s3', 'secretsmanager', 'sqs', 'xray']);
    for (const service of ['secretsmanager', 'sqs', 'xray']) assert.equal(endpoints.get(service)!['PrivateDnsEnabled'], true, service);
    const { VpcEndpointType, RouteTableIds } = endpoints.get('s3')!;
    assert.equal(VpcEndpointType, 'Gateway');
    assert.deepEqual(RouteTableIds.map(text), ofType('AWS::EC2::RouteTable').map(([id]) => `<${id}>`));
  });

  test("through S3's nothing passes but an answer to CloudFormation, whose bucket has the Region without dashes", () => {
    const [permission, ...others] = allowed('s3');
    assert.deepEqual(others, []);
    const region = JSON.stringify({ 'Fn::Join': ['', { 'Fn::Split': ['-', { Ref: 'AWS::Region' }] }] });
    const [before, after] = permission.split(region);
    assert.equal(before, 'Allow s3:PutObject on arn:<AWS::Partition>:s3:::cloudformation-custom-resource-response-');
    assert.equal(after, '/*');
  });

  test("through the others pass one secret, and messages to this account's queues", () => {
    assert.deepEqual(allowed('secretsmanager'), [`Allow secretsmanager:GetSecretValue on <${clusterId}.MasterUserSecret.SecretArn>`]);
    const queues = 'arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:*';
    assert.deepEqual(allowed('sqs'), [`Allow sqs:ChangeMessageVisibility on ${queues}`, `Allow sqs:SendMessage on ${queues}`]);
  });
});

describe('the database', () => {
  test('is encrypted', () => {
    assert.equal(cluster['StorageEncrypted'], true);
  });

  test('takes no connection without TLS, neither itself nor at the proxy', () => {
    const [group, { Parameters }] = only('AWS::RDS::DBClusterParameterGroup');
    assert.equal(text(cluster['DBClusterParameterGroupName']), `<${group}>`);
    assert.equal(Parameters['rds.force_ssl'], '1');
    assert.equal(proxy['RequireTLS'], true);
  });

  test('lets in by tokens, and the proxy lets in by nothing else', () => {
    assert.equal(cluster['EnableIAMDatabaseAuthentication'], true);
    assert.equal(proxy['DefaultAuthScheme'], 'IAM_AUTH');
    assert.equal(proxy['Auth'], undefined);
  });

  test('has a master password that RDS makes and keeps, and that no template has seen', () => {
    assert.equal(cluster['ManageMasterUserPassword'], true);
    assert.equal(cluster['MasterUserPassword'], undefined);
    assert.deepEqual(ofType('AWS::SecretsManager::Secret'), []);
  });

  test('is not deleted by accident, and leaves a snapshot when it is', () => {
    assert.equal(cluster['DeletionProtection'], true);
    assert.equal(cluster['CopyTagsToSnapshot'], true);
    const { DeletionPolicy, UpdateReplacePolicy } = data.Resources[clusterId] as any;
    assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Snapshot', 'Snapshot']);
  });

  test('is not replaced by an empty one, because its name is taken', () => {
    assert.equal(cluster['DBClusterIdentifier'], 'rollcall-data');
  });

  test('can be restored to any moment whose events the bus still has', () => {
    assert.equal(cluster['BackupRetentionPeriod'], ARCHIVE_DAYS.default);
  });

  test('costs something between bounds', () => {
    const { MinCapacity, MaxCapacity } = cluster['ServerlessV2ScalingConfiguration'];
    assert.equal(instance['DBInstanceClass'], 'db.serverless');
    assert.deepEqual([MinCapacity, MaxCapacity], [DATA.minCapacity, DATA.maxCapacity]);
    assert.ok(MinCapacity > 0, 'a cluster behind a proxy never pauses');
    assert.ok(MaxCapacity <= 4, 'a table of users is no reason for a bill');
  });

  test('writes its log to groups of ours, which forget, and keeps values out of them', () => {
    const names = ofType('AWS::Logs::LogGroup').map(([, { LogGroupName }]) => LogGroupName);
    assert.ok(names.includes(`/aws/rds/cluster/${cluster['DBClusterIdentifier']}/postgresql`));
    assert.ok(names.includes(`/aws/rds/proxy/${proxy['DBProxyName']}`));
    for (const [id, group] of ofType('AWS::Logs::LogGroup')) assert.ok(group['RetentionInDays'] > 0, id);
    assert.deepEqual(cluster['EnableCloudwatchLogsExports'], ['postgresql']);
    assert.equal(only('AWS::RDS::DBClusterParameterGroup')[1]['Parameters'].log_error_verbosity, 'terse');
    assert.equal(proxy['DebugLogging'], false);
  });
});

describe('connections', () => {
  const { MaxConnectionsPercent, MaxIdleConnectionsPercent, ConnectionBorrowTimeout } = pool['ConnectionPoolConfigurationInfo'];
  const share = (percent: number) => Math.floor((DATA.maxConnections * percent) / 100);
  /** A consumer holds one connection, as `consumer/src/database.rs` says and `tests/it/connections.rs` counts. */
  const needed = MAXIMUM_CONCURRENCY.default;

  test('the proxy may open what all consumers need, and the third more that AWS asks for', () => {
    assert.ok(share(MaxConnectionsPercent) >= needed * 1.3);
    assert.ok(MaxConnectionsPercent >= 20, 'the least that AWS recommends');
  });

  test('it keeps open what they need, so that a burst waits for no log-in', () => {
    assert.ok(MaxIdleConnectionsPercent <= MaxConnectionsPercent);
    assert.ok(share(MaxIdleConnectionsPercent) >= needed);
  });

  test('most connections are left to whoever reads the table', () => {
    assert.ok(MaxConnectionsPercent <= 50);
  });

  test('the proxy gives up before the consumer does', () => {
    const attempt = seconds('consumer/src/statement.rs', 'attempt');
    const statement = Number(written('consumer/src/session.rs', /"statement_timeout", "(\d+)s"/));
    assert.ok(ConnectionBorrowTimeout + statement <= attempt);
    assert.ok(ConnectionBorrowTimeout < CONSUMER.timeoutSeconds);
  });
});

describe('who may do what', () => {
  const statements = ofType('AWS::IAM::Policy').flatMap(([, { Roles, PolicyDocument }]) =>
    PolicyDocument.Statement.map((statement: any) => ({ role: text(Roles[0]), ...statement })),
  );
  const dbUser = (resource: string) => `arn:<AWS::Partition>:rds-db:<AWS::Region>:<AWS::AccountId>:dbuser:${resource}/rollcall`;

  test('the proxy may log in to this cluster as the one user, and do nothing else', () => {
    const mine = statements.filter(({ role }) => `${role.slice(0, -1)}.Arn>` === text(proxy['RoleArn']));
    assert.deepEqual(
      mine.map(({ Effect, Action, Resource }) => [Effect, Action, text(Resource)]),
      [['Allow', 'rds-db:connect', dbUser(`<${clusterId}.DBClusterResourceId>`)]],
    );
    const { DependsOn } = data.Resources[proxyId]!;
    assert.ok([DependsOn].flat().some((id) => id?.startsWith('ProxyRoleDefaultPolicy')), 'it can do so from the beginning');
  });

  test('no other role is there but the one that writes the network log, and no policy names every resource', () => {
    assert.equal(ofType('AWS::IAM::Role').length, 2);
    for (const [id, role] of ofType('AWS::IAM::Role')) {
      assert.equal(role['ManagedPolicyArns'], undefined, id);
      assert.equal(role['Policies'], undefined, id);
    }
    for (const { Action, Resource } of statements) {
      assert.doesNotMatch(text(Resource), /\*/);
      for (const action of [Action].flat()) assert.match(action, /^(rds-db:connect|logs:(CreateLogStream|PutLogEvents|DescribeLogStreams))$/);
    }
  });

  test("the consumer may log in to the proxy as that user: the proxy's resource id is the end of its ARN", () => {
    const resourceId = JSON.stringify({ 'Fn::Select': [6, { 'Fn::Split': [':', { 'Fn::GetAtt': [proxyId, 'DBProxyArn'] }] }] });
    assert.deepEqual(consumer.may.map(({ actions, on }: any) => [actions, text(on)]), [[['rds-db:connect'], dbUser(resourceId)]]);
  });

  test('migrate may read the master secret, and no other', () => {
    const secret = `<${clusterId}.MasterUserSecret.SecretArn>`;
    assert.deepEqual(migrate.may.map(({ actions, on }: any) => [actions, text(on)]), [[['secretsmanager:GetSecretValue'], secret]]);
  });
});

describe('what the functions are told', () => {
  const told = (environment: Record<string, unknown>) => Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, text(value)]));

  test('the consumer goes through the proxy, with tokens', () => {
    assert.deepEqual(told(consumer.environment), {
      DATABASE_AUTH: 'iam',
      DATABASE_HOST: `<${proxyId}.Endpoint>`,
      DATABASE_NAME: 'rollcall',
      DATABASE_USER: 'rollcall',
      DATABASE_POOLER: 'transaction',
    });
  });

  test('migrate goes to the cluster itself, and makes the role that the consumer is', () => {
    assert.deepEqual(told(migrate.environment), {
      DATABASE_SECRET_ARN: `<${clusterId}.MasterUserSecret.SecretArn>`,
      DATABASE_HOST: `<${clusterId}.Endpoint.Address>`,
      DATABASE_NAME: 'rollcall',
      DATABASE_CA: '/var/task/rds/<AWS::Region>.pem',
      DATABASE_GRANT_TO: 'rollcall',
    });
    assert.equal(migrate.environment.DATABASE_GRANT_TO, consumer.environment.DATABASE_USER);
    assert.equal(migrate.environment.DATABASE_NAME, cluster['DatabaseName']);
  });

  test('both find it on the default port', () => {
    assert.equal(cluster['Port'], 5432);
  });

  test('nothing of it is a secret, only where one is', () => {
    for (const { environment } of [consumer, migrate]) assert.doesNotMatch(JSON.stringify(environment), /password|\{\{resolve:/i);
    assert.doesNotMatch(JSON.stringify([data, borrower]), /\{\{resolve:/);
    assert.ok(Object.keys(borrower.Parameters).every((id) => !/^(Database|Migration(?!Run))/.test(id)), 'nobody is asked for what is known');
  });
});

describe('the template as a whole', () => {
  test('no custom resource and no function is in it, so nothing but CloudFormation makes it', () => {
    for (const [id, { Type }] of resources) assert.doesNotMatch(Type, /^(Custom::|AWS::CloudFormation::|AWS::Lambda::)/, id);
  });

  test('the synth has nothing to complain about, nor has cdk-nag', () => {
    assert.equal(printed, '');
  });

  test('another stack borrows it by strong references, which hold the database as long as it is used', () => {
    const values = JSON.stringify(borrower);
    assert.match(values, /"Fn::ImportValue":"RollcallData:/);
    assert.doesNotMatch(values, /Fn::GetStackOutput/);
  });
});

describe('a known account and Region', () => {
  const known = synthesizeData({}, { CDK_DEFAULT_ACCOUNT: '111122223333', CDK_DEFAULT_REGION: 'eu-central-1' });

  test('the template asks nobody for the zones', () => {
    const zones = Object.values(known.data.Resources).flatMap(({ Properties }) => Properties['AvailabilityZone'] ?? []);
    assert.deepEqual(zones, [0, 1].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })));
    assert.equal(known.printed, '');
  });

  test("the file of authorities and the answers' bucket are the Region's", () => {
    assert.match(JSON.stringify(known.borrower), /\/var\/task\/rds\/eu-central-1\.pem/);
    assert.match(JSON.stringify(known.data), /cloudformation-custom-resource-response-eucentral1\/\*/);
  });

  test('a Region whose authorities the packages do not have is refused', () => {
    const functions = dummyPackages();
    mkdirSync(join(functions, 'rds'));
    writeFileSync(join(functions, 'rds/eu-central-1.pem'), '');
    const run = (region: string) =>
      runApp({ functions, database: 'aurora' }, temporaryFolder(), { CDK_DEFAULT_ACCOUNT: '111122223333', CDK_DEFAULT_REGION: region });
    assert.equal(run('eu-central-1').status, 0);
    const refused = run('mx-central-1');
    assert.deepEqual([refused.status, refused.stdout], [1, '']);
    assert.match(refused.stderr, /^`database=aurora` does not work in mx-central-1: .*`DatabaseCa`\n$/);
  });
});
