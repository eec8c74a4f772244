/** Who may put something on the bus or into the queues, if the deployment says who operates it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourcesOf, synthesize, type Template, text } from './synthesized.ts';

const { template, printed } = synthesize({ 'pre-sign-up': 'yes' });

/** The only role whose logical id begins so. */
function role(of: string): string {
  const [[id], ...more] = resourcesOf(template, 'AWS::IAM::Role').filter(([name]) => name.startsWith(of)) as [[string, unknown]];
  assert.deepEqual(more, []);
  return `<${id}.Arn>`;
}

/** Those that a statement lets pass, as one text. */
function exempt(statement: any): string {
  const [separator, joined] = statement.Condition.ArnNotLike['aws:PrincipalArn']['Fn::Split'];
  assert.equal(separator, ',');
  return text(joined);
}

function denials(made: Template): [queue: string, statement: any][] {
  return resourcesOf(made, 'AWS::SQS::QueuePolicy').flatMap(([, policy]) => {
    const conditional = policy['PolicyDocument'].Statement.filter((statement: any) => 'Fn::If' in statement);
    return conditional.map((statement: any) => {
      const [condition, then, otherwise] = statement['Fn::If'];
      assert.equal(condition, 'OperatorRoleArnsIsGiven');
      assert.deepEqual(otherwise, { Ref: 'AWS::NoValue' }, 'an empty parameter denies nothing');
      return [text(policy['Queues'][0]), then];
    });
  });
}

describe('with OperatorRoleArns', () => {
  test('each queue denies sending to everybody but its own function and the operators', () => {
    const found = Object.fromEntries(denials(template).map(([queue, statement]) => [queue.replace(/[0-9A-F]{8}>$/, '>'), statement]));
    const senders = Object.fromEntries(Object.entries(found).map(([queue, statement]) => [queue, exempt(statement)]));
    assert.deepEqual(senders, {
      '<UsersQueue>': `${role('ProducerRole')},<OperatorRoleArns>`,
      '<UsersDeadLetters>': `${role('ConsumerRole')},<OperatorRoleArns>`,
      '<UserConfirmedUndelivered>': '<OperatorRoleArns>',
    });
    for (const statement of Object.values(found)) {
      assert.deepEqual([statement.Effect, statement.Action, statement.Principal], ['Deny', 'sqs:SendMessage', { AWS: '*' }]);
    }
  });

  test('the bus denies events to everybody but the producer and the operators', () => {
    const [[id, policy], ...more] = resourcesOf(template, 'AWS::Events::EventBusPolicy') as [[string, Record<string, any>]];
    assert.deepEqual(more, []);
    assert.equal(template.Resources[id]!.Condition, 'OperatorRoleArnsIsGiven');
    const { Effect, Action, Principal, Resource } = policy['Statement'];
    assert.deepEqual([Effect, Action, Principal], ['Deny', 'events:PutEvents', { AWS: '*' }]);
    assert.match(text(Resource), /^<Bus[0-9A-F]+\.Arn>$/);
    assert.equal(exempt(policy['Statement']), `${role('ProducerRole')},<OperatorRoleArns>`);
  });

  test('services of AWS are left out of it: EventBridge delivers as a principal that has no ARN', () => {
    const statements = [...denials(template).map(([, statement]) => statement), resourcesOf(template, 'AWS::Events::EventBusPolicy')[0]![1]['Statement']];
    assert.equal(statements.length, 4);
    for (const { Condition } of statements) assert.deepEqual(Condition.BoolIfExists, { 'aws:PrincipalIsAWSService': 'false' });
  });

  test('roles are asked for as IAM names them, and nothing is asked for by default', () => {
    const { AllowedPattern, Default } = template.Parameters['OperatorRoleArns']!;
    const accepted = new RegExp(`^(?:${AllowedPattern})$`);
    assert.equal(Default, '');
    const sso = 'arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Operator_*';
    for (const good of ['', 'arn:aws:iam::111122223333:role/on-call', `arn:aws:iam::111122223333:role/on-call,${sso}`]) assert.match(good, accepted);
    for (const bad of ['*', 'on-call', 'arn:aws:sts::111122223333:assumed-role/on-call/ada', 'arn:aws:iam::*:role/*', 'arn:aws:iam::111122223333:role/a, b']) {
      assert.doesNotMatch(bad, accepted);
    }
    assert.equal(printed, '');
  });
});

describe('a key of your own', () => {
  const customer = synthesize({ key: 'customer' }).template;
  const [[key, { KeyPolicy }]] = resourcesOf(customer, 'AWS::KMS::Key') as [[string, Record<string, any>]];

  test('it encrypts the bus and the archive too', () => {
    for (const type of ['AWS::Events::EventBus', 'AWS::Events::Archive']) {
      for (const [id, properties] of resourcesOf(customer, type)) assert.equal(text(properties['KmsKeyIdentifier']), `<${key}.Arn>`, id);
    }
    const ofEventBridge = KeyPolicy.Statement.filter(({ Principal }: any) => Principal.Service === 'events.amazonaws.com');
    const actions = ofEventBridge.flatMap(({ Action }: any) => Action);
    for (const needed of ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey', 'kms:ReEncrypt*']) assert.ok(actions.includes(needed), needed);
  });

  test('an event that the bus cannot encrypt or decrypt is kept with those that could not be delivered', () => {
    const [[bus, { DeadLetterConfig }]] = resourcesOf(customer, 'AWS::Events::EventBus') as [[string, Record<string, any>]];
    assert.match(text(DeadLetterConfig.Arn), /^<UserConfirmedUndelivered[0-9A-F]+\.Arn>$/);
    const statements = resourcesOf(customer, 'AWS::SQS::QueuePolicy')
      .filter(([id]) => id.startsWith('UserConfirmedUndelivered'))
      .flatMap(([, policy]) => policy['PolicyDocument'].Statement);
    const sources = statements.filter(({ Effect }: any) => Effect === 'Allow').map(({ Condition }: any) => text(Condition.ArnEquals['aws:SourceArn']));
    assert.ok(sources.includes(`<${bus}.Arn>`), sources.join(' '));
  });
});
