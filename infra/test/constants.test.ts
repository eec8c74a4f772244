/** Where a number of the deployment and one of the code must agree: each test says what breaks when they do not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as limits from '../construct/src/limits.ts';
import { count, seconds, written } from './source-constants.ts';

const { CONSUMER, MIGRATE, PRODUCER, WIRING } = limits;

const BACKOFF = 'consumer/src/backpressure.rs';

test('Cognito, who waits five seconds, has the answer before the function ends, whatever the budget is set to', () => {
  const longest = Number(written('producer/src/config.rs', /BUDGET_MS: \S+RangeInclusive<u64> = \d+\.\.=([\d_]+);/).replace('_', ''));
  assert.ok(longest / 1_000 < PRODUCER.timeout.toSeconds());
  assert.ok(seconds('producer/src/config.rs', 'DEFAULT_BUDGET') * 1_000 <= longest);
});

test('an invocation has time for one whole attempt, and for what comes after the insert', () => {
  const attempt = seconds('consumer/src/statement.rs', 'attempt');
  const kept = (name: string) => seconds('consumer/src/lib.rs', name);
  const after = kept('ANSWER') + kept('CALLS') + kept('HIDING') * limits.BATCH_SIZE.default;
  assert.ok(2 * attempt + after <= CONSUMER.timeoutSeconds, 'a database that comes back is met by a second attempt');
});

test('a statement ends on the server before its attempt does, so that no lost client leaves one running', () => {
  const statement = Number(written('consumer/src/session.rs', /"statement_timeout", "(\d+)s"/));
  const before = ['PING_TIMEOUT', 'CONNECT_TIMEOUT'].map((name) => seconds('consumer/src/database.rs', name));
  assert.ok(before.reduce((sum, wait) => sum + wait, statement) <= seconds('consumer/src/statement.rs', 'attempt'));
});

test('in a short outage a message waits no longer for its next try than one whose consumer died', () => {
  assert.ok(seconds(BACKOFF, 'SHORT_CAP') <= limits.VISIBILITY_TIMEOUT_SECONDS.default);
});

// With full jitter a wait is half of the longest on average; the few receives before the cap has grown are left out.
const receivesLast = (limits.MAX_RECEIVE_COUNT.default - count(BACKOFF, 'PATIENT_AFTER')) * (seconds(BACKOFF, 'LONG_CAP') / 2);

test('the receives of a message last for a long weekend without a database, with half as much again for bad luck', () => {
  const hours = receivesLast / 3_600;
  assert.ok(hours >= 1.5 * 72, `${hours} hours`);
});

test('a message uses up its receives before it expires, even if each one takes the whole invocation', () => {
  const withWork = receivesLast + limits.MAX_RECEIVE_COUNT.default * CONSUMER.timeoutSeconds;
  assert.ok(withWork < limits.QUEUE_RETENTION.source.toSeconds());
});

test('the local stack gives up a message after as many receives as the deployed one', () => {
  const receives = Number(written('tests/src/stack.rs', /max_receive_count: ([\d_]+),/).replace('_', ''));
  assert.equal(receives, limits.MAX_RECEIVE_COUNT.default);
});

test('the alarm about a table that rejects every row does not clear while a single message waits for its next try', () => {
  const [bad, of] = written('infra/construct/src/alarms.ts', /metrics\.tableUnfit,[^]*?periods: (\[\d+, \d+\])/)
    .slice(1, -1)
    .split(',')
    .map(Number);
  const between = seconds(BACKOFF, 'LONG_CAP') + CONSUMER.timeoutSeconds;
  assert.ok((of! * 60) / between > bad! + 1, 'periods are cut at whole minutes, and a try may fall on either side of one');
});

test('the alarm about waiting messages is silent while a message has only been tried a few times', () => {
  const minutes = Number(written('infra/construct/src/alarms.ts', /WAITING_MINUTES = \{ of: \d+, atLeast: (\d+) \}/));
  assert.ok(minutes * 60 >= 3 * seconds(BACKOFF, 'SHORT_CAP'));
});

test('the alarm about a slow trigger goes off before Cognito gives up, and not while the budget is kept', () => {
  const slow = Number(written('infra/construct/src/alarms.ts', /SLOW_PRODUCER_MS = ([\d_]+)/).replace('_', ''));
  assert.ok(slow < PRODUCER.timeout.toMilliseconds());
  assert.ok(slow > seconds('producer/src/config.rs', 'DEFAULT_BUDGET') * 1_000);
});

test('as many consumers as may run take a small part of the connections that the smallest database of RDS has', () => {
  // `max_connections` of a db.t4g.micro is its memory (1 GiB) by 9,531,392, which is about 112.
  const smallest = 112;
  // A consumer holds one connection.
  assert.ok(limits.MAXIMUM_CONCURRENCY.default <= smallest / 4);
});

test('a custom resource has time for its work besides the time that is kept back for the answer', () => {
  const kept = seconds('libs/custom-resource/src/lib.rs', 'ANSWER_RESERVE');
  assert.ok(WIRING.timeoutSeconds - kept >= 2 * seconds('infra/trigger-wiring/src/wiring.rs', 'attempt'));
  assert.ok(MIGRATE.timeoutSeconds - kept >= seconds('consumer/src/schema_resource.rs', 'attempt'));
  const connect = seconds('consumer/src/database.rs', 'CONNECT_LIMIT');
  assert.ok(connect < seconds('consumer/src/schema_resource.rs', 'attempt'));
});

test('template and migrate say the same schema version, or a deployment would not bring what is new', () => {
  assert.equal(limits.SCHEMA_VERSION, count('consumer/src/schema_resource.rs', 'SCHEMA_VERSION'));
});

test('a dead letter outlives its source, whose age it keeps', () => {
  assert.ok(limits.QUEUE_RETENTION.deadLetters.toSeconds() > limits.QUEUE_RETENTION.source.toSeconds());
  assert.ok(limits.QUEUE_RETENTION.source.toSeconds() > limits.RULE_DELIVERY.maxEventAge.toSeconds());
});
