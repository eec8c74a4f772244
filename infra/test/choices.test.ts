/** What the template becomes when the context chooses something else than the default. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { poolPermissions, resourcesOf, synthesize, type Template, text } from './synthesized.ts';

function consumerOf(template: Template): Record<string, any> {
  const found = resourcesOf(template, 'AWS::Lambda::Function').find(([id]) => id.startsWith('Consumer'));
  assert.ok(found);
  return found[1];
}

function permissions(template: Template, role: string): string[] {
  return resourcesOf(template, 'AWS::IAM::Policy')
    .filter(([id]) => id.startsWith(role))
    .flatMap(([, policy]) => policy['PolicyDocument'].Statement)
    .flatMap((statement: any) => [statement.Action].flat().map((action) => `${action} on ${text(statement.Resource)}`));
}

describe('a secret', () => {
  const { template, printed } = synthesize({ database: 'secret' });

  test('the consumer reads the secret itself, and may read no other', () => {
    const { DATABASE_SECRET_ARN, DATABASE_URL } = consumerOf(template)['Environment'].Variables;
    assert.equal(text(DATABASE_SECRET_ARN), '<DatabaseLoginArn>');
    assert.equal(DATABASE_URL, undefined);
    assert.ok(permissions(template, 'Consumer').includes('secretsmanager:GetSecretValue on <DatabaseLoginArn>'));
  });

  test('a secret under a key of yours can be read, through Secrets Manager alone', () => {
    const decrypts = (role: string) =>
      resourcesOf(template, 'AWS::IAM::Policy')
        .filter(([id]) => id.startsWith(role))
        .flatMap(([, policy]) => policy['PolicyDocument'].Statement)
        .filter(({ Action }: any) => Action === 'kms:Decrypt');
    for (const role of ['Consumer', 'SchemaMigrate']) {
      const [{ Resource, Condition }, ...more] = decrypts(role);
      assert.deepEqual(more, [], role);
      // Without a key the permission is on the secret, where it permits nothing.
      assert.match(JSON.stringify(Resource), /\{"Fn::If":\["DatabaseKeyArnIsGiven",\{"Ref":"DatabaseKeyArn"\}/, role);
      assert.deepEqual(text(Condition.StringEquals['kms:ViaService']), 'secretsmanager.<AWS::Region>.amazonaws.com', role);
    }
    assert.equal(template.Parameters['DatabaseKeyArn']!['Default'], 'none');
    assert.deepEqual(decrypts('Producer'), []);
  });

  test('a secret that says where the database is needs no other parameter', () => {
    const asked = Object.entries(template.Parameters).filter(([, { Default }]) => Default === undefined);
    assert.deepEqual(asked.map(([id]) => id).sort(), ['DatabaseLoginArn', 'UserPoolId']);
    assert.equal(printed, '');
  });
});

describe('a database of its own for the migration', () => {
  test('the migration logs in with what is given for it, and otherwise as the consumer does', () => {
    const { template } = synthesize({ database: 'secret' });
    const migrate = resourcesOf(template, 'AWS::Lambda::Function').find(([id]) => id.startsWith('SchemaMigrate'))![1];
    const { DATABASE_SECRET_ARN, DATABASE_HOST, DATABASE_POOLER, DATABASE_GRANT_TO } = migrate['Environment'].Variables;
    assert.deepEqual(DATABASE_SECRET_ARN, { 'Fn::If': ['MigrationLoginArnIsGiven', { Ref: 'MigrationLoginArn' }, { Ref: 'DatabaseLoginArn' }] });
    assert.deepEqual(DATABASE_HOST, { 'Fn::If': ['MigrationHostIsGiven', { Ref: 'MigrationHost' }, { Ref: 'DatabaseHost' }] });
    assert.equal(DATABASE_POOLER, undefined, 'a migration never goes through a pooler');
    assert.equal(text(DATABASE_GRANT_TO), '<DatabaseRole>');
    const [[, { Database }]] = resourcesOf(template, 'Custom::UsersTable') as [[string, Record<string, any>]];
    assert.match(text(Database), /MigrationLoginArn.*MigrationHost.*<DatabaseName>/, 'another database gets its table');
  });
});

describe('no migration', () => {
  const { template, printed } = synthesize({ migrate: 'no' });

  test('nothing asks for a login that may make tables, and the mapping waits for nobody', () => {
    assert.deepEqual(resourcesOf(template, 'Custom::UsersTable'), []);
    assert.ok(Object.keys(template.Parameters).every((id) => !id.startsWith('Migration')));
    assert.equal(resourcesOf(template, 'AWS::Lambda::EventSourceMapping').length, 1);
    assert.equal(printed, '');
  });
});

describe('reserved concurrency', () => {
  const { template, printed } = synthesize({ 'pre-sign-up': 'yes' });
  const reserved = (id: string) => resourcesOf(template, 'AWS::Lambda::Function').find(([name]) => name.startsWith(id))![1]['ReservedConcurrentExecutions'];

  test('is none unless the deployment says a number for a trigger, which must be one that lets it run', () => {
    for (const [lambda, id] of [['Producer', 'ProducerReservedConcurrency'], ['PreSignUp', 'PreSignUpReservedConcurrency']] as const) {
      assert.deepEqual(reserved(lambda), { 'Fn::If': [`${id}IsGiven`, { Ref: id }, { Ref: 'AWS::NoValue' }] });
      const { Default, AllowedPattern, ConstraintDescription } = template.Parameters[id]!;
      assert.equal(Default, 'none');
      const accepted = new RegExp(`^(?:${AllowedPattern})$`);
      for (const good of ['none', '1', '25', '9999']) assert.match(good, accepted);
      for (const bad of ['', '0', '-1', '007', '1.5', '10000', 'maximum', 'all']) assert.doesNotMatch(bad, accepted);
      assert.match(ConstraintDescription, /^Give a whole number from 1 to 9999.* or `none`\.$/);
    }
    assert.equal(synthesize().template.Parameters['PreSignUpReservedConcurrency'], undefined);
    assert.equal(printed, '');
  });

  test('for the consumer is what the mapping may run, and no other number', () => {
    const id = 'ConsumerReservedConcurrency';
    assert.deepEqual(reserved('Consumer'), { 'Fn::If': [`${id}IsGiven`, { Ref: 'MaximumConcurrency' }, { Ref: 'AWS::NoValue' }] });
    const [[, mapping]] = resourcesOf(template, 'AWS::Lambda::EventSourceMapping') as [[string, Record<string, any>]];
    assert.deepEqual(mapping['ScalingConfig'].MaximumConcurrency, { Ref: 'MaximumConcurrency' });
    const { AllowedPattern, ConstraintDescription } = template.Parameters[id]!;
    const accepted = new RegExp(`^(?:${AllowedPattern})$`);
    for (const good of ['none', 'maximum']) assert.match(good, accepted);
    for (const bad of ['', '5', 'max']) assert.doesNotMatch(bad, accepted);
    assert.match(ConstraintDescription, /^Give `maximum`, .* or `none`\.$/);
  });

  test('is of no other function', () => {
    for (const id of ['SchemaMigrate', 'PoolTriggerWiring']) assert.equal(reserved(id), undefined, id);
  });
});

describe('tokens', () => {
  const { template, printed } = synthesize({ database: 'iam' });

  test('the consumer may log in as the one database user, at the one database', () => {
    const connect = 'rds-db:connect on arn:<AWS::Partition>:rds-db:<AWS::Region>:<AWS::AccountId>:dbuser:<DatabaseResourceId>/<DatabaseUser>';
    assert.ok(permissions(template, 'Consumer').includes(connect), permissions(template, 'Consumer').join('\n'));
    assert.equal(consumerOf(template)['Environment'].Variables['DATABASE_AUTH'], 'iam');
    assert.equal(template.Parameters['DatabaseUrl'], undefined);
    assert.equal(printed, '');
  });
});

describe('a VPC', () => {
  const { template, printed } = synthesize({ network: 'vpc' });

  test('what needs the database is in the subnets that were given, and nothing else is', () => {
    for (const [id, lambda] of resourcesOf(template, 'AWS::Lambda::Function')) {
      if (!/^(Consumer|SchemaMigrate)/.test(id)) {
        assert.equal(lambda['VpcConfig'], undefined, id);
        continue;
      }
      const { SubnetIds, SecurityGroupIds } = lambda['VpcConfig'];
      assert.deepEqual([text(SubnetIds), text(SecurityGroupIds)], ['<SubnetIds>', '<SecurityGroupIds>'], id);
    }
    assert.ok(permissions(template, 'Consumer').includes('ec2:CreateNetworkInterface on *'));
    assert.ok(!permissions(template, 'Producer').some((permission) => permission.startsWith('ec2:')));
    const everywhere = permissions(template, 'Consumer').filter((permission) => permission.endsWith(' on *'));
    assert.deepEqual(everywhere.map((permission) => permission.split(' ')[0]).sort(), [
      'ec2:AssignPrivateIpAddresses',
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:UnassignPrivateIpAddresses',
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
    assert.equal(printed, '');
  });
});

describe('a key of your own', () => {
  const { template, printed } = synthesize({ key: 'customer' });
  const [[key, properties]] = resourcesOf(template, 'AWS::KMS::Key') as [[string, Record<string, any>]];

  test('it encrypts every queue but the one that takes what it cannot encrypt, and is rotated', () => {
    for (const [id, queue] of resourcesOf(template, 'AWS::SQS::Queue')) {
      const wanted = id.includes('Undelivered') ? 'undefined' : `<${key}.Arn>`;
      assert.equal(text(queue['KmsMasterKeyId']), wanted, id);
    }
    assert.equal(properties['EnableKeyRotation'], true);
    assert.equal(printed, '');
  });

  test("EventBridge may use it for this account's rules, and both functions for the queues", () => {
    const statement = properties['KeyPolicy'].Statement.find(({ Sid }: any) => Sid === 'RulesMayEncrypt');
    assert.deepEqual(statement.Principal, { Service: 'events.amazonaws.com' });
    assert.deepEqual(statement.Action, ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:ReEncrypt*']);
    assert.equal(text(statement.Condition.StringEquals['aws:SourceAccount']), '<AWS::AccountId>');
    for (const role of ['Producer', 'Consumer']) {
      assert.ok(permissions(template, role).includes(`kms:GenerateDataKey on <${key}.Arn>`), role);
    }
  });

  test('it encrypts the variables that name a secret or hold one, and no others', () => {
    for (const [id, lambda] of resourcesOf(template, 'AWS::Lambda::Function')) {
      const knowsTheDatabase = 'DATABASE_URL' in (lambda['Environment']?.Variables ?? {});
      assert.equal(text(lambda['KmsKeyArn']), knowsTheDatabase ? `<${key}.Arn>` : 'undefined', id);
    }
    for (const role of ['Consumer', 'SchemaMigrate']) {
      assert.ok(permissions(template, role).includes(`kms:Decrypt on <${key}.Arn>`), role);
    }
  });
});

describe('triggers that somebody else attaches', () => {
  const { template, printed } = synthesize({ triggers: 'none' });

  test('nothing calls UpdateUserPool, and the pool may call the producer all the same', () => {
    assert.deepEqual(resourcesOf(template, 'Custom::CognitoTriggers'), []);
    assert.ok(!JSON.stringify(template).includes('cognito-idp:UpdateUserPool'));
    assert.equal(poolPermissions(template).length, 1);
    assert.equal(printed, '');
  });
});

describe('the PostAuthentication trigger', () => {
  const { template, printed } = synthesize({ 'post-authentication': 'yes' });
  const [[, triggers]] = resourcesOf(template, 'Custom::CognitoTriggers') as [[string, Record<string, any>]];

  test('it is attached with the other one and calls the same function', () => {
    assert.match(text(triggers['PostAuthentication']), /^<Producer/);
    assert.equal(text(triggers['PostAuthentication']), text(triggers['PostConfirmation']));
    assert.equal(printed, '');
  });

  test('one permission lets the pool call that function for both triggers', () => {
    const [[, permission], ...more] = poolPermissions(template) as [[string, Record<string, any>]];
    assert.deepEqual(more, []);
    assert.equal(text(permission['FunctionName']), text(triggers['PostAuthentication']));
    assert.match(text(permission['SourceArn']), /userpool\/<UserPoolId>$/);
  });

  test('it is off by default, in every way of attaching it', () => {
    const shapes = [{}, { pool: 'example' }, { pool: 'example', triggers: 'native' }];
    for (const shape of shapes) assert.doesNotMatch(JSON.stringify(synthesize(shape).templates), /"PostAuthentication":/, JSON.stringify(shape));
  });
});

describe('the PreSignUp trigger', () => {
  const { template, printed } = synthesize({ 'pre-sign-up': 'yes' });

  test('it is attached with the other one, and may do nothing but log', () => {
    const [[, triggers]] = resourcesOf(template, 'Custom::CognitoTriggers') as [[string, Record<string, any>]];
    assert.match(text(triggers['PreSignUp']), /^<PreSignUp/);
    assert.equal(poolPermissions(template).length, 2);
    assert.ok(template.Outputs['PreSignUpFunctionArn']);
    const actions = permissions(template, 'PreSignUp').map((permission) => permission.split(' on ')[0]);
    assert.deepEqual(actions.sort(), [
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
    assert.equal(printed, '');
  });
});
