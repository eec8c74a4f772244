import { join } from 'node:path';
import { Duration, Names, Stack, Token } from 'aws-cdk-lib';
import type { Alarm, Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnUserPool, type IUserPool, type IUserPoolClient } from 'aws-cdk-lib/aws-cognito';
import { Connections, type IConnectable, type ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import type { Grant, IGrantable, IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Architecture, type Function } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { RUNBOOK } from './dashboard';
import type { Database } from './database';
import { ARCHIVE_DAYS, BATCH_SIZE, BATCH_WINDOW_SECONDS, BATCH_WITHOUT_WINDOW, MAXIMUM_CONCURRENCY, MAX_RECEIVE_COUNT, type Range, RESERVED_CONCURRENCY, VISIBILITY_TIMEOUT_SECONDS } from './limits';
import { packagesBeside } from './packages';
import { Pipeline } from './pipeline';
import { PoolConnection } from './pool-connection';
import { poolDefinition } from './pool-definition';
import type { ReservedConcurrency } from './rust-function';
import { Table } from './table';

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
   * Whether the triggers are attached to the pool by this deployment, and detached when the construct is removed. Nothing else in the pool is changed.
   * With `false`, name `producer` as the pool's PostConfirmation trigger yourself.
   *
   * @default true
   */
  readonly attach?: boolean;

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
   * @default - none
   */
  readonly smsRole?: IRole;

  /**
   * The key of the pool's custom senders, if it has any: an update of a pool names it again.
   *
   * @default - none
   */
  readonly senderKey?: IKey;

  /**
   * Further pools whose events become rows, by id; each needs a rollcall of its own that publishes to this bus, or the same functions as its triggers.
   *
   * @default - none
   */
  readonly furtherUserPools?: string[];

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
   * @default - alarms only change their colour
   */
  readonly alarmTopic?: ITopic;

  /**
   * Where your team reads `docs/runbook.md`: the dashboard's links go to its sections.
   *
   * @default - the links say which section, and lead nowhere
   */
  readonly runbookUrl?: string;

  /**
   * ARNs of the roles that replay and repair. With them, bus and queues deny sending to everybody else in the account; `*` stands for any text.
   *
   * @default - every principal that the account allows to send may send
   */
  readonly operatorRoleArns?: string[];

  /**
   * Encrypts bus, archive, queues, and variables that name secrets. A key that is imported must let EventBridge use it.
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
   * How long a received message stays hidden, up to 12 hours.
   *
   * @default - 3 minutes, six times the consumer's timeout
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

/**
 * Every confirmed user of a Cognito user pool has exactly one row in your Postgres.
 *
 * The pool calls a trigger that publishes an event and returns at once; a consumer makes the row, with retries and a dead-letter queue.
 * The pool is connected after everything that an event needs, and disconnected before any of it is deleted.
 */
export class Rollcall extends Construct implements IConnectable {
  /** Holds every event for a while; rules of yours may listen. */
  public readonly bus: EventBus;
  /** What the bus keeps can be replayed from this archive. */
  public readonly archiveArn: string;
  /** What the consumer reads. */
  public readonly queue: Queue;
  /** Messages that could not become rows. */
  public readonly deadLetterQueue: Queue;
  /** Events that EventBridge could not deliver to the queue. */
  public readonly undeliveredQueue: Queue;
  /** The function behind the triggers PostConfirmation and, if you want it, PostAuthentication. */
  public readonly producer: Function;
  /** The function behind the trigger PreSignUp, if you want it. */
  public readonly preSignUp?: Function;
  /** The function that writes the rows. */
  public readonly consumer: Function;
  /** Every alarm, for actions of yours. `docs/alarms.md` says when each rings. */
  public readonly alarms: Alarm[];
  private readonly pipeline: Pipeline;
  private readonly securityGroups: ISecurityGroup[];

  public constructor(scope: Construct, id: string, props: RollcallProps) {
    super(scope, id);
    const { userPool } = props;
    refusePoolOfAnotherPlace(this, userPool);
    const packages = packagesBeside(props.functionsFolder ?? join(__dirname, '..', 'functions'), props.architecture);
    const { groups, ...database } = props.database._reachFrom(this, packages);
    const pipeline = new Pipeline(this, 'Pipeline', {
      namePrefix: namePrefix(this, props.namePrefix),
      packages,
      database,
      table: (props.table ?? new Table())._variables(),
      allowedUserPools: [userPool.userPoolId, ...(props.furtherUserPools ?? [])].join(','),
      forwardAttributes: (props.forwardAttributes ?? []).join(','),
      preSignUp: props.preSignUp ?? false,
      postAuthentication: props.postAuthentication ?? false,
      key: props.encryptionKey,
      migrationRun: props.migrationRun ?? '1',
      reserved: reserved(props),
      alarmTopicArn: props.alarmTopic?.topicArn,
      surroundings: { userPoolId: userPool.userPoolId, attaches: props.attach ?? true, runbook: props.runbookUrl ?? RUNBOOK },
      operators: props.operatorRoleArns?.length ? { roleArns: props.operatorRoleArns.join(',') } : undefined,
      ...numbers(props),
    });
    const connection = new PoolConnection(this, 'Pool', {
      userPoolId: userPool.userPoolId,
      previous: undefined,
      client: props.userPoolClient && { id: props.userPoolClient.userPoolClientId },
      triggers: pipeline.triggers,
      attachment:
        props.attach === false
          ? undefined
          : {
              packages,
              poolDefinition: props.poolDefinition ?? definitionOf(userPool),
              force: String(props.forceTriggers ?? false),
              smsRoleArn: props.smsRole?.roleArn,
              senderKeyArn: props.senderKey?.keyArn,
              heal: props.heal ?? false,
            },
      topicArn: props.alarmTopic?.topicArn,
      named: (part) => pipeline.named(part),
    });
    connection.comeAfter(pipeline.parts);

    this.pipeline = pipeline;
    this.bus = pipeline.bus;
    this.archiveArn = pipeline.archiveArn;
    this.queue = pipeline.users.queue;
    this.deadLetterQueue = pipeline.users.deadLetters;
    this.undeliveredQueue = pipeline.undelivered;
    this.producer = pipeline.producer;
    this.preSignUp = pipeline.triggers.PreSignUp;
    this.consumer = pipeline.consumer;
    this.alarms = [...pipeline.alarms.all, ...[connection.silence, connection.lost].filter((alarm) => alarm !== undefined)];
    this.securityGroups = groups;
  }

  /** The security groups of the functions that reach the database. Only functions in a VPC have any. */
  public get connections(): Connections {
    if (this.securityGroups.length === 0) {
      throw new Error('these functions run outside of a VPC and have no security groups: give the `vpc` of the database to `Database`');
    }
    return new Connections({ securityGroups: this.securityGroups });
  }

  /** Grants what a replay with `dlq-replayer` needs: taking messages from both dead-letter queues, and sending them to the queue. */
  public grantReplay(grantee: IGrantable): Grant {
    const taking = this.deadLetterQueue.grantConsumeMessages(grantee).combine(this.undeliveredQueue.grantConsumeMessages(grantee));
    return taking.combine(this.queue.grantSendMessages(grantee));
  }

  /** Grants publishing `UserConfirmed` events, which insert rows for users of the accepted pools. */
  public grantPublish(grantee: IGrantable): Grant {
    return this.bus.grantPutEventsTo(grantee);
  }

  /** A figure of the functions' own, by its name in `docs/configuration.md`, such as `Inserted`. The sum over a minute unless `props` say otherwise. */
  public metric(metricName: string, props?: MetricOptions): Metric {
    return this.pipeline.metrics.named(metricName, props);
  }

  /** Users whose event was published. */
  public metricPublished(props?: MetricOptions): Metric {
    return this.metric('UserConfirmedPublished', props);
  }

  /** Rows that were made. */
  public metricInserted(props?: MetricOptions): Metric {
    return this.metric('Inserted', props);
  }

  /** Messages that came back because the database or the table did not take them yet. */
  public metricRetried(props?: MetricOptions): Metric {
    return this.metric('Retried', props);
  }

  /** Messages that could not become rows and are in the dead-letter queue. */
  public metricPoison(props?: MetricOptions): Metric {
    return this.metric('Poison', props);
  }

  /** Milliseconds from the confirmation to the row, the median unless `props` say otherwise. */
  public metricSignUpToRow(props?: MetricOptions): Metric {
    return this.metric('SignUpToRowMs', { statistic: 'p50', ...props });
  }
}

/** A function's name has at most 64 characters; 40 leave room for every suffix. */
const LONGEST_PREFIX = 40;

function namePrefix(scope: Construct, given: string | undefined): string {
  if (given === undefined) return Names.uniqueResourceName(scope, { maxLength: LONGEST_PREFIX, separator: '-' });
  if (!Token.isUnresolved(given) && !/^[A-Za-z][A-Za-z0-9-]{0,39}$/.test(given)) {
    throw new Error(`the \`namePrefix\` is \`${given}\`: give at most ${LONGEST_PREFIX} letters, digits and hyphens, beginning with a letter`);
  }
  return given;
}

/** Cognito calls functions of its own account and Region, and a pool is updated where it is. */
function refusePoolOfAnotherPlace(scope: Construct, userPool: IUserPool): void {
  const here = Stack.of(scope);
  const pairs = [
    ['account', here.account, userPool.env.account],
    ['region', here.region, userPool.env.region],
  ] as const;
  for (const [what, ours, theirs] of pairs) {
    if (!Token.isUnresolved(ours) && !Token.isUnresolved(theirs) && ours !== theirs) {
      throw new Error(`the user pool is in the ${what} ${theirs}, and this stack in ${ours}: put \`Rollcall\` into a stack of the pool's account and Region`);
    }
  }
}

function definitionOf(userPool: IUserPool): string {
  const resource = userPool.node.defaultChild;
  return resource instanceof CfnUserPool ? poolDefinition(resource) : '1';
}

function reserved(props: RollcallProps): ReservedConcurrency {
  const given = props.triggerReservedConcurrency;
  const triggers = given === undefined ? undefined : inRange('triggerReservedConcurrency', given, { ...RESERVED_CONCURRENCY, default: given });
  const consumer = props.reserveConsumer ? numbers(props).maximumConcurrency : undefined;
  return { producer: triggers, preSignUp: triggers, consumer };
}

function numbers(props: RollcallProps) {
  const batchSize = inRange('batchSize', props.batchSize, BATCH_SIZE);
  const window = inRange('maxBatchingWindow', props.maxBatchingWindow?.toSeconds(), BATCH_WINDOW_SECONDS, 'seconds');
  if (!Token.isUnresolved(batchSize) && !Token.isUnresolved(window) && batchSize > BATCH_WITHOUT_WINDOW && window === 0) {
    throw new Error(`the \`batchSize\` is ${batchSize}: give a \`maxBatchingWindow\` of at least one second, or a \`batchSize\` of at most ${BATCH_WITHOUT_WINDOW}`);
  }
  return {
    batchSize,
    maxBatchingWindow: Duration.seconds(window),
    maximumConcurrency: inRange('maxConcurrency', props.maxConcurrency, MAXIMUM_CONCURRENCY),
    visibilityTimeout: Duration.seconds(inRange('visibilityTimeout', props.visibilityTimeout?.toSeconds(), VISIBILITY_TIMEOUT_SECONDS, 'seconds')),
    maxReceiveCount: inRange('maxReceiveCount', props.maxReceiveCount, MAX_RECEIVE_COUNT),
    archiveDays: inRange('archiveRetention', props.archiveRetention?.toDays(), ARCHIVE_DAYS, 'days'),
  };
}

/** A whole number that AWS accepts, or its default. */
function inRange(name: string, given: number | undefined, { default: otherwise, min, max }: Range, unit = ''): number {
  if (given === undefined) return otherwise;
  if (!Token.isUnresolved(given) && !(Number.isInteger(given) && given >= min && given <= max)) {
    throw new Error(`the \`${name}\` is ${given}: give a whole number from ${min} to ${max}${unit && `, in ${unit}`}`);
  }
  return given;
}
