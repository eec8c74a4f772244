/**
 * Every number that decides how the pipeline behaves, with its unit and its reason.
 * Those that a deployment may change are the defaults and bounds of `parameters.ts`; the rest are fixed here.
 */
import { Duration } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** A number that a deployment may choose, within what AWS accepts. */
export interface Range {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export const PRODUCER = {
  /** Cognito waits 5 seconds for a trigger and cannot be told otherwise; running longer would help nobody. */
  timeout: Duration.seconds(5),
  /** Lambda gives CPU in proportion to memory, and the TLS handshake of a cold start wants CPU. A starting value, not a measurement. */
  memoryMiB: 256,
} as const;

export const CONSUMER = {
  /** Seconds. Room for one batch and for the retries of its one statement. */
  timeoutSeconds: 30,
  /** An event is at most 6 MB and is parsed in place; the rest is room. A starting value, not a measurement. */
  memoryMiB: 256,
} as const;

export const WIRING = {
  /** An update of a pool that meets another one waits for it, and a role that was just made takes seconds to be known. */
  timeoutSeconds: 120,
  /** What CloudFormation waits beyond that, should the function not even start. */
  graceSeconds: 60,
  /** A starting value, not a measurement; it runs once a deployment. */
  memoryMiB: 128,
} as const;

export const MIGRATE = {
  /** A database that was asleep takes some 15 seconds to wake, and a role that was just made some seconds to be known; a step itself takes less than one. */
  timeoutSeconds: 120,
  /** As for the wiring. */
  graceSeconds: 60,
  /** A starting value, not a measurement; it runs once a deployment. */
  memoryMiB: 256,
} as const;

/**
 * What `migrate` has to bring: the same number as in `consumer/src/schema_resource.rs`.
 * A deployment runs the migration when it has gone up, and knows a rollback by its going down; a zip that was built again changes nothing of it.
 */
export const SCHEMA_VERSION = 3;

export const PRE_SIGN_UP = {
  /** Cognito's own limit, as for the producer. */
  timeout: Duration.seconds(5),
  /** It calls nobody: all it does is reading one event. */
  memoryMiB: 128,
} as const;

/**
 * Seconds that a received message stays hidden.
 * AWS asks for six times the function's time-out, so that Lambda can retry a throttled batch before it shows again.
 * Below the function's time-out itself, AWS refuses the event source mapping; an emulator does not, which lets tests wait less.
 */
export const VISIBILITY_TIMEOUT_SECONDS: Range = { default: 6 * CONSUMER.timeoutSeconds, min: 1, max: 43_200 };

/**
 * Receives before SQS itself moves a message to the dead-letter queue.
 * The most that SQS accepts, because only a message that kills the function should ever get there by counting: with the consumer's backoff they last for five days without a database (decision 0021).
 */
export const MAX_RECEIVE_COUNT: Range = { default: 1_000, min: 1, max: 1_000 };

/** Messages per invocation: the most for which Lambda needs no window, so that nobody waits for a batch to fill (decision 0025). */
export const BATCH_SIZE: Range = { default: 10, min: 1, max: 10_000 };

/** Seconds that Lambda waits for a batch to fill: the most that batching may delay a new user. */
export const BATCH_WINDOW_SECONDS: Range = { default: 0, min: 0, max: 300 };

/** Messages of a batch that needs no window: with more, Lambda asks for at least one second. */
export const BATCH_WITHOUT_WINDOW = 10;

/**
 * Consumers that run at the same time, each with one connection: the ceiling on what a burst of sign-ups does to the database.
 * Lambda accepts 2 to 1,000.
 */
export const MAXIMUM_CONCURRENCY: Range = { default: 5, min: 2, max: 1_000 };

/** Instances to reserve for a function that Cognito calls. None at all would be a function that never runs; Lambda refuses what the account does not have. */
export const RESERVED_CONCURRENCY: Pick<Range, 'min' | 'max'> = { min: 1, max: 9_999 };

export const QUEUE_RETENTION = {
  /** A long weekend without a database, twice over: longer than the receives last, so that a message is redriven before it expires. */
  source: Duration.days(7),
  /** The longest that SQS offers. A message keeps its first enqueue time when it moves, so this has to be longer than the source's. */
  deadLetters: Duration.days(14),
} as const;

/**
 * Days that the bus keeps every event: a second way back, besides the dead letters.
 * As long as a dead letter is kept, so that whoever comes too late for the one comes too late for the other.
 */
export const ARCHIVE_DAYS: Range = { default: 14, min: 1, max: 365 };

/** What EventBridge allows at most: a day of delivery attempts before an event goes to the rule's dead-letter queue. */
export const RULE_DELIVERY = {
  maxEventAge: Duration.hours(24),
  retryAttempts: 185,
} as const;

/**
 * When the trigger is called silent: this many people have signed up within the period, and nobody of them or of those before has confirmed.
 * Fewer could be chance, as some people never confirm; the period is what a pool may be without its trigger before somebody is told.
 */
export const SILENCE = {
  signUps: 10,
  period: Duration.hours(1),
} as const;

/** How the pool's triggers are checked. */
export const CHECK = {
  /** What a pool may be without its triggers before somebody is told, whether people sign up or not. */
  every: Duration.minutes(15),
  /** Later than that, EventBridge drops a check: the least that it accepts. */
  late: Duration.seconds(60),
} as const;

/** Long enough to look into last month's incident. */
export const LOG_RETENTION = RetentionDays.ONE_MONTH;

/** As `consumer/src/user_pools.rs` reads it: what stands before the underscore is a Region. */
export const POOL_ID = '[0-9a-zA-Z-]+_[0-9a-zA-Z]+';

/** As `producer/src/config.rs` reads it. */
export const CUSTOM_ATTRIBUTE = '(dev:)?custom:[^,\\s]{1,20}';

/** As `aws:PrincipalArn` is compared: the role, and not a session of it. Behind the account a part may be any text. */
export const ROLE_ARN = 'arn:[\\w-]+:iam::\\d{12}:role/[\\w+=.@/*-]+';
