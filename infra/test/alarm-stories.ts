/** What happens to a small installation, told as the metrics that AWS and the functions would have. Minutes count from the beginning. */
import { CHECK, VISIBILITY_TIMEOUT_SECONDS } from '../construct/src/limits.ts';
import type { Metrics } from './alarm-clock.ts';
import { count, seconds } from './source-constants.ts';

const HOUR = 60;

const BACKOFF = 'consumer/src/backpressure.rs';
const FIRST_WAIT = seconds(BACKOFF, 'FIRST');
const SHORT_CAP = seconds(BACKOFF, 'SHORT_CAP');
const LONG_CAP = seconds(BACKOFF, 'LONG_CAP');
const PATIENT_AFTER = count(BACKOFF, 'PATIENT_AFTER');

export interface Story {
  readonly title: string;
  /** When it begins; before, all was as usual. */
  readonly begins: number;
  /** How long it is watched. */
  readonly minutes: number;
  readonly metrics: Metrics;
  /** The alarms that must go off, each with the minute after which it has at the latest. Nothing else may. */
  readonly rings: Readonly<Record<string, number>>;
  /** How often an alarm goes off, where it is more than once, or must not be. */
  readonly times?: Readonly<Record<string, number>>;
  /** The minute after which an alarm is silent again, where that is the point. */
  readonly clears?: Readonly<Record<string, number>>;
}

/** Metrics in the making. */
class Tape {
  readonly metrics: Record<string, Record<number, number[]>> = {};

  add(metric: string, minute: number, value = 1): this {
    ((this.metrics[metric] ??= {})[minute] ??= []).push(value);
    return this;
  }

  /** The same value in each minute from one to before another, as gauges have it. */
  hold(metric: string, from: number, to: number, value: number): this {
    for (let minute = from; minute < to; minute += 1) this.add(metric, minute, value);
    return this;
  }

  /** A sign-up whose row is there `late` minutes afterwards. */
  signUp(minute: number, late = 0): this {
    return this.published(minute)
      .add('consumer Inserted', minute + late)
      .add('consumer Retried', minute + late, 0)
      .add('consumer Errors', minute + late, 0)
      .add('users NumberOfMessagesDeleted', minute + late);
  }

  published(minute: number): this {
    return this.add('producer UserConfirmedPublished', minute)
      .add('producer Invocations', minute)
      .add('producer Errors', minute, 0)
      .add('producer Throttles', minute, 0)
      .add('producer Duration', minute, 30);
  }

  /** One message is in the queue, hidden between its tries except for a moment. */
  waits(from: number, to: number): this {
    return this.hold('users ApproximateNumberOfMessagesVisible', from, to, 0).hold('users ApproximateNumberOfMessagesNotVisible', from, to, 1);
  }

  /** Nothing is in the queue, which is active for six hours after the last message. */
  idles(from: number, to: number): this {
    return this.hold('users ApproximateNumberOfMessagesVisible', from, to, 0).hold('users ApproximateNumberOfMessagesNotVisible', from, to, 0);
  }

  /** A depth that stays, on one of the queues for dead letters. */
  holds(queue: string, from: number, to: number, messages: number): this {
    return this.hold(`${queue} ApproximateNumberOfMessagesVisible`, from, to, messages);
  }

  /** A sign-up a minute, all of them with a row: somebody else's, beside what the story is about. */
  busy(minutes: number): this {
    for (let minute = 0; minute < minutes; minute += 1) this.signUp(minute);
    return this.idles(0, minutes);
  }
}

/** The minutes in which a message is tried that cannot be stored: with the longest waits that the backoff has, so the fewest tries. */
function tries(from: number, to: number): number[] {
  const minutes: number[] = [];
  let wait = FIRST_WAIT;
  for (let second = from * 60; second < to * 60; second += wait) {
    minutes.push(Math.floor(second / 60));
    wait = Math.min(wait * 2, minutes.length <= PATIENT_AFTER ? SHORT_CAP : LONG_CAP);
  }
  return minutes;
}

function databaseDown(from: number, to: number): Tape {
  const tape = new Tape().published(from).waits(from, to).idles(to, to + 6 * HOUR);
  for (const minute of tries(from, to)) tape.add('consumer Retried', minute);
  return tape.add('consumer Inserted', to).add('users NumberOfMessagesDeleted', to);
}

function consumerCrashes(minutes: number): Tape {
  const tape = new Tape().published(0).waits(0, minutes);
  const timeout = VISIBILITY_TIMEOUT_SECONDS.default / 60;
  for (let minute = 0; minute < minutes; minute += timeout) tape.add('consumer Errors', minute);
  return tape;
}

function tableBroken(minutes: number): Tape {
  const tape = new Tape().published(0).waits(0, minutes);
  for (const minute of tries(0, minutes)) tape.add('consumer Retried', minute).add('consumer TableUnfit', minute);
  return tape;
}

function quietDays(): Tape {
  const tape = new Tape();
  for (let day = 0; day < 7; day += 1) {
    // At another moment each day, and every other row a minute later than its sign-up.
    const minute = day * 24 * HOUR + day * 7;
    tape.signUp(minute, day % 2).idles(minute, minute + 6 * HOUR);
  }
  return tape;
}

/** The triggers are checked at such moments, and have been for hours: the last one just before minute 0. */
const TRIGGERS = 'trigger-wiring TriggersAttached';

/** What each check finds at its minute; nothing where there is none. */
export function checks(minutes: number, found: (minute: number) => number | undefined = () => 1): Metrics {
  const tape = new Tape();
  const every = CHECK.every.toMinutes();
  for (let minute = -1 - 4 * every; minute < minutes; minute += every) {
    const value = found(minute);
    if (value !== undefined) tape.add(TRIGGERS, minute, value);
  }
  return tape.metrics;
}

function signUps(perHour: number, hours: number): Tape {
  const tape = new Tape();
  for (let at = 0; at < perHour * hours; at += 1) tape.add('SignUpSuccesses', Math.floor((at * HOUR) / perHour));
  return tape;
}

function failover(): Tape {
  const tape = new Tape().busy(3 * HOUR);
  for (const minute of [60, 61, 62]) tape.add('consumer Retried', minute, 3);
  return tape;
}

function lockedRow(minutes: number): Tape {
  const tape = new Tape().busy(minutes);
  for (const minute of tries(10, minutes)) tape.add('consumer Retried', minute);
  return tape;
}

function letters(): Tape {
  return new Tape()
    .signUp(0)
    .add('consumer Poison', 10)
    .add('users NumberOfMessagesDeleted', 10)
    .holds('users-dlq', 10, 3 * 24 * HOUR, 1)
    .add('consumer Poison', 2 * 24 * HOUR)
    .holds('users-dlq', 2 * 24 * HOUR, 3 * 24 * HOUR, 2);
}

function looked(): Tape {
  const tape = new Tape().holds('users-dlq', -24 * HOUR, 24 * HOUR, 4);
  // Whoever looks receives them, which hides them for half a minute.
  return tape.add('users-dlq ApproximateNumberOfMessagesVisible', 12 * HOUR, 0);
}

export const STORIES: readonly Story[] = [
  { title: 'a quiet Sunday without a sign-up', begins: 0, minutes: 24 * HOUR, metrics: {}, rings: {} },
  { title: 'a week with one sign-up a day', begins: 0, minutes: 7 * 24 * HOUR, metrics: quietDays().metrics, rings: {} },
  { title: 'a day with a sign-up a minute', begins: 0, minutes: 24 * HOUR, metrics: new Tape().busy(24 * HOUR).metrics, rings: {} },
  { title: 'the database fails over within three minutes', begins: 60, minutes: 3 * HOUR, metrics: failover().metrics, rings: {} },
  {
    title: 'the database is down overnight, and one person signs up',
    begins: 5,
    minutes: 16 * HOUR,
    metrics: databaseDown(5, 10 * HOUR).metrics,
    rings: { 'waiting-messages': 20, 'retried-messages': 60, 'published-and-no-row': 65 },
  },
  {
    title: 'the consumer crashes whenever it runs, and one person signs up',
    begins: 0,
    minutes: 6 * HOUR,
    metrics: consumerCrashes(6 * HOUR).metrics,
    rings: { 'consumer-errors': 10, 'waiting-messages': 15, 'published-and-no-row': 60 },
  },
  {
    title: 'the table rejects every row, and one person signs up',
    begins: 0,
    minutes: 6 * HOUR,
    metrics: tableBroken(6 * HOUR).metrics,
    rings: { 'the-table-rejects-every-row': 2, 'waiting-messages': 15, 'retried-messages': 60, 'published-and-no-row': 60 },
  },
  {
    title: 'a row is locked for hours, beside a sign-up a minute',
    begins: 10,
    minutes: 6 * HOUR,
    metrics: lockedRow(6 * HOUR).metrics,
    rings: { 'retried-messages': 60 },
  },
  {
    title: 'Lambda throttles the producer once',
    begins: 7,
    minutes: HOUR,
    metrics: new Tape().add('producer Throttles', 7).metrics,
    rings: { 'throttled-trigger': 7 },
  },
  {
    title: 'the producer fails once',
    begins: 7,
    minutes: HOUR,
    metrics: new Tape().add('producer Invocations', 7).add('producer Errors', 7).metrics,
    rings: { 'trigger-errors': 7 },
  },
  {
    title: 'nobody takes an event',
    begins: 7,
    minutes: HOUR,
    metrics: new Tape().add('producer Invocations', 7).add('producer UserConfirmedUnpublished', 7).metrics,
    rings: { 'unpublished-users': 7 },
  },
  {
    title: 'Cognito calls the producer with an event that it cannot read',
    begins: 7,
    minutes: HOUR,
    metrics: new Tape().add('producer Invocations', 7).add('producer UserConfirmedUnusable', 7).metrics,
    rings: { 'unusable-events': 7 },
  },
  {
    title: 'the rule is disabled, and one person signs up',
    begins: 10,
    minutes: 24 * HOUR,
    metrics: new Tape().published(10).metrics,
    rings: { 'published-and-no-row': 70 },
  },
  {
    title: 'EventBridge may not send to the queue any more',
    begins: 10,
    minutes: 24 * HOUR,
    metrics: new Tape().published(10).holds('rule-dlq', 10, 24 * HOUR, 1).metrics,
    rings: { 'undelivered-events': 15, 'published-and-no-row': 70 },
  },
  {
    title: 'the pool has lost its trigger, and twelve people an hour sign up',
    begins: 0,
    minutes: 3 * HOUR,
    metrics: { ...signUps(12, 3).metrics, ...checks(3 * HOUR, (minute) => (minute < 0 ? 1 : 0)) },
    rings: { 'lost-triggers': 15, 'silent-trigger': 60 },
  },
  {
    title: 'the pool has lost its trigger, and nobody signs up',
    begins: 0,
    minutes: 3 * HOUR,
    metrics: checks(3 * HOUR, (minute) => (minute < 0 ? 1 : 0)),
    rings: { 'lost-triggers': 15 },
    times: { 'lost-triggers': 1 },
  },
  {
    title: 'the pool has lost its trigger, and `heal=yes` attaches it again',
    begins: 0,
    minutes: 3 * HOUR,
    metrics: checks(3 * HOUR, (minute) => (minute === 14 ? 0 : 1)),
    rings: { 'lost-triggers': 15 },
    times: { 'lost-triggers': 1 },
    clears: { 'lost-triggers': 45 },
  },
  {
    title: 'a deployment takes twenty minutes, in which the triggers are not checked',
    begins: 0,
    minutes: 3 * HOUR,
    metrics: checks(3 * HOUR, (minute) => (minute > 0 && minute < 20 ? undefined : 1)),
    rings: {},
  },
  {
    title: 'the triggers are not checked any more',
    begins: 0,
    minutes: 3 * HOUR,
    metrics: checks(3 * HOUR, (minute) => (minute < 0 ? 1 : undefined)),
    rings: { 'lost-triggers': 30 },
    times: { 'lost-triggers': 1 },
  },
  {
    title: 'a message is poison, and two days later another one, while nobody has looked',
    begins: 10,
    minutes: 3 * 24 * HOUR,
    metrics: letters().metrics,
    rings: { 'dead-letters': 10 },
    times: { 'dead-letters': 2 },
  },
  { title: 'old dead letters lie there, and somebody looks at them', begins: 0, minutes: 24 * HOUR, metrics: looked().metrics, rings: {} },
  {
    title: 'a name has a NUL character',
    begins: 7,
    minutes: 3 * HOUR,
    metrics: new Tape().signUp(7).add('consumer AttributeDropped', 7).metrics,
    rings: { 'attributes-that-were-dropped': 7 },
  },
  {
    title: 'a sign-up is rejected, as it should be',
    begins: 7,
    minutes: HOUR,
    metrics: new Tape().add('pre-sign-up Errors', 7).add('pre-sign-up SignUpRejected', 7).metrics,
    rings: {},
  },
  {
    title: 'the function before a sign-up crashes once',
    begins: 7,
    minutes: HOUR,
    metrics: new Tape().add('pre-sign-up Errors', 7).metrics,
    rings: { 'sign-ups-that-fail': 7 },
  },
  {
    title: 'EventBridge is slow for a while',
    begins: 10,
    minutes: HOUR,
    metrics: new Tape().hold('producer Duration', 10, 20, 4_200).metrics,
    rings: { 'slow-trigger': 12 },
  },
];
