import { Duration, Stack } from 'aws-cdk-lib';
import { CfnArchive, EventBus } from 'aws-cdk-lib/aws-events';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { EventSourceMapping, type Function } from 'aws-cdk-lib/aws-lambda';
import { Construct, type IConstruct } from 'constructs';
import { Alarms } from './alarms';
import { PipelineDashboard, type Surroundings } from './dashboard';
import type { DatabaseAccess, ReachableDatabase } from './database-access';
import { encryptBus, letEventBridgeUse, mayUse } from './encryption-key';
import { CONSUMER, PRE_SIGN_UP, PRODUCER } from './limits';
import { Metrics } from './metrics';
import type { Packages } from './packages';
import type { Triggers } from './pool-permissions';
import { type DeadLetterQueue, QueueWithDeadLetters } from './queues';
import { RuleToQueue } from './rule-to-queue';
import { type ReservedConcurrency, RustFunction } from './rust-function';
import { Schema } from './schema';
import { type Operators, Senders } from './senders';

/** What the producer publishes; the names are those of the contract in `libs/events`. */
const USER_CONFIRMED = { source: ['rollcall'], detailType: ['UserConfirmed'] };

/** Texts and numbers may be parameters of the template. */
export interface PipelineProps {
  /** What every physical name begins with. */
  readonly namePrefix: string;
  readonly packages: Packages;
  readonly database: ReachableDatabase;
  /** The variables of the table, for all that knows it. */
  readonly table: Record<string, string>;
  /** The pools whose events become rows, separated by commas; every pool if empty. */
  readonly allowedUserPools: string;
  /** Custom attributes that the producer publishes as well, separated by commas. */
  readonly forwardAttributes: string;
  readonly preSignUp: boolean;
  readonly postAuthentication: boolean;
  /** Encrypts bus, archive, queues, and variables that name secrets; without one, AWS's own keys do. */
  readonly key: IKey | undefined;
  /** Another text runs the migration again. */
  readonly migrationRun: string;
  readonly visibilityTimeout: Duration;
  readonly maxReceiveCount: number;
  readonly batchSize: number;
  readonly maxBatchingWindow: Duration;
  readonly maximumConcurrency: number;
  readonly reserved: ReservedConcurrency;
  readonly archiveDays: number;
  readonly alarmTopicArn: string | undefined;
  /** For the dashboard. */
  readonly surroundings: Surroundings;
  /** Without them, every principal that the account allows to send may send. */
  readonly operators: Operators | undefined;
}

/** From Cognito's trigger to the row: producer, bus, rule, queue, consumer. No pool calls it yet: that is `PoolConnection`. */
export class Pipeline extends Construct {
  readonly bus: EventBus;
  readonly users: QueueWithDeadLetters;
  /** Events that EventBridge could not deliver. */
  readonly undelivered: DeadLetterQueue;
  readonly producer: Function;
  readonly consumer: Function;
  readonly archiveArn: string;
  readonly metrics: Metrics;
  readonly alarms: Alarms;
  /** What a pool calls. */
  readonly triggers: Triggers;
  /** All that an event needs on its way, and that watches it: what calls the triggers comes after. */
  readonly parts: IConstruct[];
  private readonly props: PipelineProps;

  constructor(scope: Construct, id: string, props: PipelineProps) {
    super(scope, id);
    this.props = props;
    const { key, database, operators } = props;
    if (key) letEventBridgeUse(key);
    this.bus = new EventBus(this, 'Bus', { eventBusName: this.named('events') });
    if (key) encryptBus(this.bus, key);
    this.users = new QueueWithDeadLetters(this, 'Users', {
      name: this.named('users'),
      visibilityTimeout: props.visibilityTimeout,
      maxReceiveCount: props.maxReceiveCount,
      key,
    });
    this.undelivered = this.route();
    this.producer = this.makeProducer();
    this.consumer = this.makeConsumer();
    if (database.migrate) this.migrateBefore(this.consumer, database.migrate);
    this.read();
    this.triggers = {
      PostConfirmation: this.producer,
      PreSignUp: props.preSignUp ? this.makePreSignUp() : undefined,
      PostAuthentication: props.postAuthentication ? this.producer : undefined,
    };
    this.archiveArn = this.archive();
    const { producer, consumer, users, undelivered } = this;
    const { queue, deadLetters } = users;
    this.metrics = new Metrics({ producer, consumer, preSignUp: this.triggers.PreSignUp, queue, deadLetters, undelivered });
    this.alarms = new Alarms(this, 'Alarms', { metrics: this.metrics, topicArn: props.alarmTopicArn, named: (part) => this.named(part) });
    const { sections } = this.alarms;
    new PipelineDashboard(this, 'Seen', { ...props.surroundings, metrics: this.metrics, alarms: sections, named: (part) => this.named(part) });
    this.parts = this.node.children;
    if (operators) this.denyOthers(operators);
  }

  /** What a part of the pipeline is called. */
  named(part: string): string {
    return `${this.props.namePrefix}-${part}`;
  }

  /** Takes the events from the bus to the queue, and says where the undeliverable ones are. */
  private route(): DeadLetterQueue {
    const { key } = this.props;
    const rule = new RuleToQueue(this, 'UserConfirmed', {
      bus: this.bus,
      ruleName: this.named('user-confirmed'),
      pattern: USER_CONFIRMED,
      queue: this.users.queue,
      deadLetterQueueName: this.named('rule-dlq'),
    });
    if (key) rule.keepWhatBusCannotEncrypt(this.bus);
    return rule.undelivered;
  }

  /** Cognito's PostConfirmation trigger: publishes to the bus and, when that is down, sends straight to the queue. */
  private makeProducer(): Function {
    const { packages, forwardAttributes, key } = this.props;
    const { queue } = this.users;
    return new RustFunction(this, 'Producer', {
      name: this.named('producer'),
      description: 'Tells the bus that a user was confirmed.',
      packages,
      code: 'producer',
      timeout: PRODUCER.timeout,
      memoryMiB: PRODUCER.memoryMiB,
      environment: { EVENT_BUS_NAME: this.bus.eventBusName, FALLBACK_QUEUE_URL: queue.queueUrl, FORWARD_ATTRIBUTES: forwardAttributes },
      may: [
        { actions: ['events:PutEvents'], on: this.bus.eventBusArn },
        { actions: ['sqs:SendMessage'], on: queue.queueArn },
        ...mayUse(key),
      ],
      reserved: this.props.reserved.producer,
    }).lambda;
  }

  /** Inserts each batch of users with one statement. */
  private makeConsumer(): Function {
    const { packages, database, table, allowedUserPools, key } = this.props;
    const { queue, deadLetters } = this.users;
    return new RustFunction(this, 'Consumer', {
      name: this.named('consumer'),
      description: 'Turns confirmed users into rows.',
      packages,
      code: 'consumer',
      timeout: Duration.seconds(CONSUMER.timeoutSeconds),
      memoryMiB: CONSUMER.memoryMiB,
      environment: {
        ...database.consumer.environment,
        ...table,
        ALLOWED_USER_POOLS: allowedUserPools,
        QUEUE_URL: queue.queueUrl,
        DLQ_URL: deadLetters.queueUrl,
      },
      environmentKey: key,
      may: [
        // What the event source mapping does in the function's name.
        { actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], on: queue.queueArn },
        // What it does itself: holding messages back while the database is down, and burying poison.
        { actions: ['sqs:ChangeMessageVisibility'], on: queue.queueArn },
        { actions: ['sqs:SendMessage'], on: deadLetters.queueArn },
        ...mayUse(key),
        ...database.consumer.may,
      ],
      subnets: database.subnets,
      reserved: this.props.reserved.consumer,
    }).lambda;
  }

  /** Brings the table before the consumer: a new one, and every new version of it, meets a table that fits. */
  private migrateBefore(consumer: Function, access: DatabaseAccess): void {
    const { packages, database, table, key, migrationRun } = this.props;
    const schema = new Schema(this, 'Schema', {
      name: this.named('migrate'),
      packages,
      database: { ...access, environment: { ...access.environment, ...table } },
      subnets: database.subnets,
      key,
      run: migrationRun,
    });
    schema.node.addDependency(...(database.after ?? []));
    consumer.node.addDependency(schema.resource);
  }

  /** Hands batches of the queue to the consumer; it needs the function, and so comes after the migration as well. */
  private read(): void {
    const { batchSize, maxBatchingWindow, maximumConcurrency } = this.props;
    new EventSourceMapping(this, 'UsersToConsumer', {
      target: this.consumer,
      eventSourceArn: this.users.queue.queueArn,
      batchSize,
      maxBatchingWindow,
      maxConcurrency: maximumConcurrency,
      // One message that fails must not bring the others of its batch back.
      reportBatchItemFailures: true,
    });
  }

  /** Cognito's PreSignUp trigger: rejects what Postgres cannot store, and lets every other sign-up pass. */
  private makePreSignUp(): Function {
    return new RustFunction(this, 'PreSignUp', {
      name: this.named('pre-sign-up'),
      description: 'Rejects sign-ups with a NUL character in an attribute, which Postgres cannot store.',
      packages: this.props.packages,
      code: 'pre-sign-up',
      timeout: PRE_SIGN_UP.timeout,
      memoryMiB: PRE_SIGN_UP.memoryMiB,
      environment: {},
      may: [],
      reserved: this.props.reserved.preSignUp,
    }).lambda;
  }

  /** Keeps every event for a while, so that it can be replayed, and says under which ARN. */
  private archive(): string {
    const { key, archiveDays } = this.props;
    const archiveName = this.named('archive');
    new CfnArchive(this, 'Archive', {
      archiveName,
      sourceArn: this.bus.eventBusArn,
      eventPattern: { source: USER_CONFIRMED.source },
      retentionDays: archiveDays,
      ...(key ? { kmsKeyIdentifier: key.keyArn } : {}),
    });
    return Stack.of(this).formatArn({ service: 'events', resource: 'archive', resourceName: archiveName });
  }

  private denyOthers(operators: Operators): void {
    const { bus, users, undelivered, producer, consumer } = this;
    new Senders(this, 'Senders', {
      bus,
      producer,
      queues: [
        { queue: users.queue, sender: producer },
        { queue: users.deadLetters, sender: consumer },
        { queue: undelivered, sender: undefined },
      ],
      operators,
    });
  }
}
