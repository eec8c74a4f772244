/** Where a number of the deployment and one of the code must agree: each test says what breaks when they do not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as limits from '../lib/limits.ts';
import { count, seconds, written } from './source-constants.ts';

const { CONSUMER, MIGRATE, PRODUCER, WIRING } = limits;

test('Cognito, who waits five seconds, has the answer before the function ends, whatever the budget is set to', () => {
  const longest = Number(written('producer/src/config.rs', /BUDGET_MS: \S+RangeInclusive<u64> = \d+\.\.=([\d_]+);/).replace('_', ''));
  assert.ok(longest / 1_000 < PRODUCER.timeout.toSeconds());
  assert.ok(seconds('producer/src/config.rs', 'DEFAULT_BUDGET') * 1_000 <= longest);
});

test('an invocation has time for one whole attempt, and for what comes after the insert', () => {
  const attempt = seconds('consumer/src/store.rs', 'attempt');
  const after = seconds('consumer/src/lib.rs', 'MARGIN');
  assert.ok(2 * attempt + after <= CONSUMER.timeoutSeconds, 'a database that comes back is met by a second attempt');
  assert.ok(seconds('consumer/src/database.rs', 'ACQUIRE_TIMEOUT') < attempt);
});

test('a statement ends on the server before its attempt does, so that no lost client leaves one running', () => {
  const statement = Number(written('consumer/src/database.rs', /STATEMENT_TIMEOUT: &str = "(\d+)s";/));
  assert.ok(statement + seconds('consumer/src/database.rs', 'ACQUIRE_TIMEOUT') <= seconds('consumer/src/store.rs', 'attempt'));
});

test('a message that is held back is hidden no longer than one whose consumer died', () => {
  assert.ok(seconds('consumer/src/backpressure.rs', 'LONGEST') <= limits.VISIBILITY_TIMEOUT_SECONDS.default);
});

test('half a day without a database exhausts the receives of a message that is always held back for the average time', () => {
  // With full jitter a wait is half of the longest on average.
  const average = seconds('consumer/src/backpressure.rs', 'LONGEST') / 2;
  const hours = (limits.MAX_RECEIVE_COUNT.default * average) / 3_600;
  assert.ok(hours >= 12, `${hours} hours`);
});

test('the alarm about old messages is silent while a message waits for its next try', () => {
  const oldest = Number(written('infra/lib/alarms.ts', /OLDEST_MESSAGE_SECONDS = Duration\.minutes\((\d+)\)/)) * 60;
  assert.ok(oldest >= 3 * seconds('consumer/src/backpressure.rs', 'LONGEST'));
});

test('the alarm about a slow trigger goes off before Cognito gives up, and not while the budget is kept', () => {
  const slow = Number(written('infra/lib/alarms.ts', /SLOW_PRODUCER_MS = ([\d_]+)/).replace('_', ''));
  assert.ok(slow < PRODUCER.timeout.toMilliseconds());
  assert.ok(slow > seconds('producer/src/config.rs', 'DEFAULT_BUDGET') * 1_000);
});

test('as many consumers as may run take a small part of the connections that the smallest database of RDS has', () => {
  // `max_connections` of a db.t4g.micro is its memory (1 GiB) by 9,531,392, which is about 112.
  const smallest = 112;
  const connections = limits.MAXIMUM_CONCURRENCY.default * count('consumer/src/database.rs', 'CONNECTIONS');
  assert.ok(connections <= smallest / 4, `${connections}`);
});

test('a custom resource has time for its work besides the time that is kept back for the answer', () => {
  const kept = seconds('libs/custom-resource/src/lib.rs', 'ANSWER_RESERVE');
  assert.ok(WIRING.timeoutSeconds - kept >= 2 * seconds('infra/trigger-wiring/src/wiring.rs', 'attempt'));
  assert.ok(MIGRATE.timeoutSeconds - kept >= seconds('consumer/src/schema_resource.rs', 'attempt'));
  const connect = seconds('consumer/src/schema.rs', 'CONNECT_LIMIT');
  assert.ok(connect < seconds('consumer/src/schema_resource.rs', 'attempt'));
});

test('a dead letter outlives its source, whose age it keeps', () => {
  assert.ok(limits.QUEUE_RETENTION.deadLetters.toSeconds() > limits.QUEUE_RETENTION.source.toSeconds());
  assert.ok(limits.QUEUE_RETENTION.source.toSeconds() > limits.RULE_DELIVERY.maxEventAge.toSeconds());
});
