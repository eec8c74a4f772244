import type { Duration } from 'aws-cdk-lib';
import type { IUserPool, IUserPoolClient } from 'aws-cdk-lib/aws-cognito';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Database } from './database';
import type { Table } from './table';

/** Everything that has a default may be left out. */
export interface RollcallProps {
  /** The pool whose confirmed users become rows. It may be in another stack, and its stack need not know of this one. */
  readonly userPool: IUserPool;

  /** Where the rows go. */
  readonly database: Database;

  /**
   * Your existing table.
   *
   * @default - a table `users`, which is made
   */
  readonly table?: Table;

  /**
   * The app client that people sign up with: with it, an alarm tells when they sign up and the trigger is not called.
   *
   * @default - no such alarm
   */
  readonly userPoolClient?: IUserPoolClient;

  /**
   * Whether to replace a trigger of the pool that calls another function.
   *
   * @default - false, and the deployment is refused with that function's name
   */
  readonly forceTriggers?: boolean;

  /**
   * Whether triggers that something has cleared are attached again within 15 minutes, but never over another function.
   * An alarm tells of lost triggers either way.
   *
   * @default false
   */
  readonly heal?: boolean;

  /**
   * Another text attaches the triggers again, after something has cleared them.
   *
   * @default - the pool's own part of its template if the pool is made by the CDK, and else nothing
   */
  readonly poolDefinition?: string;

  /**
   * The pool's role for text messages, if it has one: an update of a pool names it again.
   *
   * @default - what the pool says, if the CDK makes it, and else none
   */
  readonly smsRole?: IRole;

  /**
   * The key of the pool's custom senders, if it has any: an update of a pool names it again.
   *
   * @default - none; a pool that the CDK makes with such a key is refused
   */
  readonly senderKey?: IKey;

  /**
   * Further pools of this account and Region whose events become rows, by id. They may call the functions: name `producer` as their PostConfirmation trigger yourself.
   *
   * @default - none
   */
  readonly furtherUserPools?: string[];

  /**
   * The pool that `userPool` was in the deployment before, by id, in a deployment that moves to another pool. Both may call the functions until a deployment without it.
   *
   * @default - `userPool` is the same as before
   */
  readonly previousUserPoolId?: string;

  /**
   * Custom attributes that travel with the event, such as `custom:tenant`, for columns of yours.
   *
   * @default - none
   */
  readonly forwardAttributes?: string[];

  /**
   * Whether sign-ups with a NUL character in an attribute, which Postgres cannot store, are rejected.
   *
   * @default false
   */
  readonly preSignUp?: boolean;

  /**
   * Whether a sign-in, too, makes the row of a user who has none: of users who were imported or made by an administrator.
   *
   * @default false
   */
  readonly postAuthentication?: boolean;

  /**
   * What every physical name begins with: a letter, then letters, digits and hyphens, at most 40.
   *
   * @default - made of the construct's path, so that several of them fit into one account and Region
   */
  readonly namePrefix?: string;

  /**
   * The topic that alarms go to.
   *
   * @default - alarms change state and notify no topic
   */
  readonly alarmTopic?: ITopic;

  /**
   * Where your team reads `docs/runbook.md`: the dashboard's links go to its sections.
   *
   * @default - the links name the section but do not open it
   */
  readonly runbookUrl?: string;

  /**
   * ARNs of the roles that replay and repair. With them, bus and queues deny sending to everybody else in the account; `*` stands for any text.
   *
   * @default - every principal that the account allows to send may send
   */
  readonly operatorRoleArns?: string[];

  /**
   * Encrypts bus, archive, queues, and variables that name secrets; not the queue of undelivered events, which must take them when this key is disabled.
   * A key that is imported must let EventBridge use it. Before you change it, wait until the queues are empty: SQS does not encrypt messages anew.
   *
   * @default - AWS's own keys
   */
  readonly encryptionKey?: IKey;

  /**
   * Messages that one invocation of the consumer takes at most, 1 to 10,000.
   *
   * @default 10
   */
  readonly batchSize?: number;

  /**
   * How long a batch may wait to fill, up to 300 seconds; at least one if `batchSize` is more than 10.
   *
   * @default - not at all
   */
  readonly maxBatchingWindow?: Duration;

  /**
   * Consumers that run at the same time at most, 2 to 1,000. Each holds one database connection.
   *
   * @default 5
   */
  readonly maxConcurrency?: number;

  /**
   * Instances that Lambda keeps free for each function that Cognito calls, 1 to 9,999: other functions of the account cannot take them.
   * It is also the most that each of them runs, so give at least as many as there are sign-ups at the same time. AWS wants 100 of the account to stay unreserved.
   *
   * @default - none, and sign-ups share the account's concurrency with every other function
   */
  readonly triggerReservedConcurrency?: number;

  /**
   * Whether Lambda keeps `maxConcurrency` instances free for the consumer.
   *
   * @default false
   */
  readonly reserveConsumer?: boolean;

  /**
   * How long a received message stays hidden, from the consumer's timeout of 30 seconds and the batching window up to 12 hours.
   *
   * @default - six times the consumer's timeout, and the batching window
   */
  readonly visibilityTimeout?: Duration;

  /**
   * Receives before SQS itself moves a message to the dead-letter queue, 1 to 1,000.
   *
   * @default 1000
   */
  readonly maxReceiveCount?: number;

  /**
   * How long the bus keeps every event, 1 to 365 days. Events are personal data.
   *
   * @default - 14 days
   */
  readonly archiveRetention?: Duration;

  /**
   * Another text runs the migration again.
   *
   * @default '1'
   */
  readonly migrationRun?: string;

  /**
   * What the functions are built for.
   *
   * @default - arm64 if the package holds it, and else x86_64
   */
  readonly architecture?: Architecture;

  /**
   * A folder as `cargo xtask package` leaves it, for functions that you built yourself.
   *
   * @default - those in this package
   */
  readonly functionsFolder?: string;
}
