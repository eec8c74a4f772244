/**
 * What calls us is attached last and detached first.
 * A pool that calls the producer before rule, queue policies, consumer and mapping are there loses sign-ups:
 * EventBridge accepts an event that no rule matches, and it is gone.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Graph, graphOf, type Name } from './closure.ts';
import { type Resource, synthesize } from './synthesized.ts';

/** Every way of choosing a pool, a database, a network and a key at least once. */
const SHAPES: Record<string, string>[] = [
  {},
  { 'pre-sign-up': 'yes', 'post-authentication': 'yes' },
  { database: 'secret', network: 'vpc' },
  { database: 'iam', network: 'vpc', key: 'customer', 'pre-sign-up': 'yes' },
  { migrate: 'no' },
  { database: 'aurora' },
  { triggers: 'none', 'pre-sign-up': 'yes' },
  { triggers: 'none', database: 'aurora', key: 'customer' },
  { pool: 'example', 'pre-sign-up': 'yes' },
  { pool: 'example', database: 'aurora', key: 'customer' },
  { pool: 'example', triggers: 'native' },
  { pool: 'example', triggers: 'native', database: 'aurora', 'pre-sign-up': 'yes' },
];

const PIPELINE: [what: string, type: string][] = [
  ['bus', 'AWS::Events::EventBus'],
  ['rule and target', 'AWS::Events::Rule'],
  ['archive', 'AWS::Events::Archive'],
  ['queues', 'AWS::SQS::Queue'],
  ['queue policies', 'AWS::SQS::QueuePolicy'],
  ['functions', 'AWS::Lambda::Function'],
  ['roles', 'AWS::IAM::Role'],
  ["roles' policies", 'AWS::IAM::Policy'],
  ['log groups', 'AWS::Logs::LogGroup'],
  ['migration', 'Custom::UsersTable'],
  ['mapping', 'AWS::Lambda::EventSourceMapping'],
  ['permissions', 'AWS::Lambda::Permission'],
  ['alarms', 'AWS::CloudWatch::Alarm'],
  ['key', 'AWS::KMS::Key'],
];

/** What lets the pool call us: the wiring where there is one, the pool that names our functions, or else the permissions alone. */
function callers({ resources }: Graph, shape: Record<string, string>): Name[] {
  const ofType = (type: string) => [...resources].filter(([, { Type }]) => Type === type).map(([name]) => name);
  if (shape['triggers'] === 'native') return ofType('AWS::Cognito::UserPool');
  return shape['triggers'] === 'none' ? ofType('AWS::Lambda::Permission') : ofType('Custom::CognitoTriggers');
}

/** The rule that has the triggers checked, and its permission. */
const AFTER_THE_WIRING = /TriggerCheck(Schedule|MayCall)/;

/** The resources that may come after the caller. */
function mayFollow(shape: Record<string, string>, name: Name, { Type: type, Condition }: Resource): boolean {
  // The alarm about a silent trigger is in no deployment without a client, so nothing can wait for it.
  if (type === 'AWS::CloudWatch::Alarm' && /SilenceAlarm/.test(name)) return true;
  // The schedule must not look for triggers that are not attached yet, or detached already: see below.
  if (AFTER_THE_WIRING.test(name)) return true;
  // What lets the pool of the deployment before call us is not in every deployment either; that pool is attached already.
  if (Condition === 'PreviousUserPoolIdIsGiven') return true;
  // What denies strangers the bus is not either; an event of ours is delivered without it.
  if (Condition === 'OperatorRoleArnsIsGiven') return true;
  // Each permission is a caller by itself.
  if (shape['triggers'] === 'none') return type === 'AWS::Lambda::Permission';
  // They name the pool, so they cannot come before it; the client that people sign up with comes last.
  const native = ['AWS::Lambda::Permission', 'AWS::Cognito::UserPoolClient'];
  return shape['triggers'] === 'native' && native.includes(type);
}

/** One line of the table: how many of each kind come before, of how many there are. */
function line(shape: Record<string, string>, { resources }: Graph, closure: Set<Name>): string {
  const cells = PIPELINE.map(([, type]) => {
    const all = [...resources].filter(([, { Type }]) => Type === type).map(([name]) => name);
    return all.length === 0 ? '–' : `${all.filter((name) => closure.has(name)).length} of ${all.length}`;
  });
  const chosen = Object.entries(shape).map(([key, value]) => `${key}=${value}`).join(' ') || 'as it comes';
  return `| ${[chosen, ...cells].join(' | ')} |`;
}

describe('what calls us is attached last', () => {
  console.log(`| shape | ${PIPELINE.map(([what]) => what).join(' | ')} |`);
  console.log(`| --- |${PIPELINE.map(() => ' --- |').join('')}`);
  for (const shape of SHAPES) {
    test(`every other resource comes before it in ${JSON.stringify(shape)}`, () => {
      const graph = graphOf(synthesize(shape));
      const found = callers(graph, shape);
      assert.ok(found.length > 0);
      console.log(line(shape, graph, graph.closure(found[0]!)));
      for (const caller of found) {
        const closure = graph.closure(caller);
        assert.ok(!closure.has(caller), `${caller} needs itself`);
        const after = [...graph.resources].filter(([name, resource]) => name !== caller && !closure.has(name) && !mayFollow(shape, name, resource));
        assert.deepEqual(after.map(([name]) => name), [], `made after ${caller}, or at the same time`);
      }
    });
  }

  for (const shape of SHAPES.filter(({ triggers }) => triggers === undefined)) {
    test(`the triggers are checked only while they are attached in ${JSON.stringify(shape)}`, () => {
      const graph = graphOf(synthesize(shape));
      const [caller] = callers(graph, shape) as [Name];
      const after = [...graph.resources.keys()].filter((name) => AFTER_THE_WIRING.test(name));
      assert.equal(after.length, 2);
      for (const name of after) assert.ok(graph.closure(name).has(caller), `${name} is there without ${caller}`);
      for (const name of after) assert.ok(!graph.closure(caller).has(name), `${name} is changed before ${caller}`);
    });
  }

  test('people can sign up at a pool that names our functions only when it may call them', () => {
    const graph = graphOf(synthesize({ pool: 'example', triggers: 'native', 'pre-sign-up': 'yes' }));
    const named = (type: string) => [...graph.resources].filter(([, { Type }]) => Type === type).map(([name]) => name);
    const [client] = named('AWS::Cognito::UserPoolClient') as [Name];
    const permissions = named('AWS::Lambda::Permission');
    assert.equal(permissions.length, 2);
    for (const permission of permissions) assert.ok(graph.closure(client).has(permission), permission);
  });
});
