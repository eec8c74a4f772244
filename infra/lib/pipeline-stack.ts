import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnArchive, EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { EventSourceMapping, type Function } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { allowedUserPools, forwardedAttributes, usersTable } from './accepted-events.ts';
import { Alarms } from './alarms.ts';
import { PipelineDashboard } from './dashboard.ts';
import { type DatabaseAccess, type DatabaseAccesses, databaseAccess } from './database-access.ts';
import { encryptBus, encryptionKey, mayUse } from './encryption-key.ts';
import type { SynthContext } from './input.ts';
import { CONSUMER, PRE_SIGN_UP, PRODUCER } from './limits.ts';
import { Metrics } from './metrics.ts';
import { networkAccess, type Subnets } from './network-access.ts';
import { declareParameters, type GivenPool, type Parameters, previousUserPool, userPoolId } from './parameters.ts';
import { PoolConnection } from './pool-connection.ts';
import type { Triggers } from './pool-permissions.ts';
import { QueueWithDeadLetters } from './queues.ts';
import { RuleToQueue } from './rule-to-queue.ts';
import { RustFunction } from './rust-function.ts';
import { Schema } from './schema.ts';
import { Senders } from './senders.ts';
import { clientOfGivenPool } from './silence-alarm.ts';

/** What the producer publishes; the names are those of the contract in `libs/events`. */
const USER_CONFIRMED = { source: ['rollcall'], detailType: ['UserConfirmed'] };

/** A database, and the subnets that it can be reached from, if not every network. */
export interface ReachableDatabase extends DatabaseAccesses {
  readonly subnets: Subnets | undefined;
}

export interface PipelineStackProps extends StackProps {
  readonly context: SynthContext;
  /** The database that another stack of the app makes; without one, parameters say where yours is. */
  readonly data: ReachableDatabase | undefined;
}

/** From Cognito's trigger to the row: producer, bus, rule, queue, consumer. */
export class PipelineStack extends Stack {
  /** What a pool calls. */
  readonly triggers: Triggers;
  private readonly context: SynthContext;
  private readonly parameters: Parameters;
  /** The variables of the table, for all that knows it. */
  private readonly table: Record<string, string>;

  constructor(scope: Construct, id: string, props: PipelineStackProps) {
    super(scope, id, props);
    this.context = props.context;
    const givenPool = this.context.pool === 'given' ? { id: userPoolId(this), previous: previousUserPool(this) } : undefined;
    this.parameters = declareParameters(this);
    this.table = usersTable(this);

    const key = encryptionKey(this, this.context.key);
    const bus = new EventBus(this, 'Bus', { eventBusName: this.named('events') });
    if (key) encryptBus(bus, key);
    const users = new QueueWithDeadLetters(this, 'Users', {
      name: this.named('users'),
      visibilityTimeout: Duration.seconds(this.parameters.visibilityTimeoutSeconds),
      maxReceiveCount: this.parameters.maxReceiveCount,
      key,
    });
    const rule = new RuleToQueue(this, 'UserConfirmed', {
      bus,
      ruleName: this.named('user-confirmed'),
      pattern: USER_CONFIRMED,
      queue: users.queue,
      deadLetterQueueName: this.named('rule-dlq'),
      key,
    });
    if (key) rule.keepWhatBusCannotEncrypt(bus);
    const producer = this.producer(bus, users, key);
    const database = props.data ?? this.databaseOfYours();
    const consumer = this.consumer(users, database, allowedUserPools(this, givenPool), key);
    if (database.migrate) this.migrateBefore(consumer, database.migrate, database.subnets, key);
    this.read(users, consumer);
    this.triggers = {
      PostConfirmation: producer,
      PreSignUp: this.context.preSignUp === 'yes' ? this.preSignUp() : undefined,
      PostAuthentication: this.context.postAuthentication === 'yes' ? producer : undefined,
    };

    const metrics = new Metrics({ producer, consumer, preSignUp: this.triggers.PreSignUp, queue: users.queue, deadLetters: users.deadLetters, undelivered: rule.undelivered });
    new Alarms(this, 'Alarms', { metrics, topic: this.parameters.alarmTopic, named: (part) => this.named(part) });
    new PipelineDashboard(this, 'Seen', { name: this.named('pipeline'), metrics });
    const archiveName = this.named('archive');
    new CfnArchive(this, 'Archive', {
      archiveName,
      sourceArn: bus.eventBusArn,
      eventPattern: { source: USER_CONFIRMED.source },
      retentionDays: this.parameters.archiveDays,
      ...(key ? { kmsKeyIdentifier: key.keyArn } : {}),
    });
    if (givenPool !== undefined) this.connect(givenPool);
    new Senders(this, 'Senders', {
      bus,
      producer,
      queues: [
        { queue: users.queue, sender: producer },
        { queue: users.deadLetters, sender: consumer },
        { queue: rule.undelivered, sender: undefined },
      ],
    });

    this.output('BusName', bus.eventBusName, 'The bus that the producer publishes to.');
    this.output('BusArn', bus.eventBusArn, 'The same bus, for policies and rules of other stacks.');
    const archive = this.formatArn({ service: 'events', resource: 'archive', resourceName: archiveName });
    this.output('ArchiveArn', archive, 'The archive of the bus, to replay events from.');
    this.output('QueueUrl', users.queue.queueUrl, 'The queue that the consumer reads.');
    this.output('QueueArn', users.queue.queueArn, 'The same queue, for policies of other stacks.');
    this.output('DlqUrl', users.deadLetters.queueUrl, 'Messages that the consumer could not turn into a row.');
    this.output('RuleDlqUrl', rule.undelivered.queueUrl, 'Events that EventBridge could not deliver to the queue.');
    this.output('ProducerFunctionName', producer.functionName, 'The function behind the trigger.');
    this.output('ProducerFunctionArn', producer.functionArn, 'What the user pool calls as its PostConfirmation trigger, and may call as its PostAuthentication trigger.');
    this.output('ConsumerFunctionName', consumer.functionName, 'The function that writes the rows.');
    if (this.triggers.PreSignUp) {
      this.output('PreSignUpFunctionArn', this.triggers.PreSignUp.functionArn, 'What the user pool calls as its PreSignUp trigger.');
    }
  }

  /** Cognito's PostConfirmation trigger: publishes to the bus and, when that is down, sends straight to the queue. */
  private producer(bus: IEventBus, { queue }: QueueWithDeadLetters, key: IKey | undefined): Function {
    return new RustFunction(this, 'Producer', {
      name: this.named('producer'),
      description: 'Tells the bus that a user was confirmed.',
      packages: this.context.packages,
      code: 'producer',
      timeout: PRODUCER.timeout,
      memoryMiB: PRODUCER.memoryMiB,
      environment: { EVENT_BUS_NAME: bus.eventBusName, FALLBACK_QUEUE_URL: queue.queueUrl, ...forwardedAttributes(this) },
      may: [
        { actions: ['events:PutEvents'], on: bus.eventBusArn },
        { actions: ['sqs:SendMessage'], on: queue.queueArn },
        ...mayUse(key),
      ],
    }).lambda;
  }

  /** Where it is and how to log in are parameters. */
  private databaseOfYours(): ReachableDatabase {
    const { database, migrate, network } = this.context;
    if (database === 'aurora') throw new Error('the stack that makes the database was not given');
    return { ...databaseAccess(this, database, migrate), subnets: networkAccess(this, network) };
  }

  /** Inserts each batch of users with one statement. */
  private consumer(
    { queue, deadLetters }: QueueWithDeadLetters,
    database: ReachableDatabase,
    accepted: Record<string, string>,
    key: IKey | undefined,
  ): Function {
    return new RustFunction(this, 'Consumer', {
      name: this.named('consumer'),
      description: 'Turns confirmed users into rows.',
      packages: this.context.packages,
      code: 'consumer',
      timeout: Duration.seconds(CONSUMER.timeoutSeconds),
      memoryMiB: CONSUMER.memoryMiB,
      environment: {
        ...database.consumer.environment,
        ...this.table,
        ...accepted,
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
    }).lambda;
  }

  /** Brings the table before the consumer: a new one, and every new version of it, meets a table that fits. */
  private migrateBefore(consumer: Function, database: DatabaseAccess, subnets: Subnets | undefined, key: IKey | undefined): void {
    const schema = new Schema(this, 'Schema', {
      name: this.named('migrate'),
      packages: this.context.packages,
      database: { ...database, environment: { ...database.environment, ...this.table } },
      subnets,
      key,
    });
    consumer.node.addDependency(schema.resource);
  }

  /** Hands batches of the queue to the consumer; it needs the function, and so comes after the migration as well. */
  private read({ queue }: QueueWithDeadLetters, consumer: Function): void {
    new EventSourceMapping(this, 'UsersToConsumer', {
      target: consumer,
      eventSourceArn: queue.queueArn,
      batchSize: this.parameters.batchSize,
      maxBatchingWindow: Duration.seconds(this.parameters.batchWindowSeconds),
      maxConcurrency: this.parameters.maximumConcurrency,
      // One message that fails must not bring the others of its batch back.
      reportBatchItemFailures: true,
    });
  }

  /** Cognito's PreSignUp trigger: rejects what Postgres cannot store, and lets every other sign-up pass. */
  private preSignUp(): Function {
    return new RustFunction(this, 'PreSignUp', {
      name: this.named('pre-sign-up'),
      description: 'Rejects sign-ups with a NUL character in an attribute, which Postgres cannot store.',
      packages: this.context.packages,
      code: 'pre-sign-up',
      timeout: PRE_SIGN_UP.timeout,
      memoryMiB: PRE_SIGN_UP.memoryMiB,
      environment: {},
      may: [],
    }).lambda;
  }

  /** A pool that is given is connected here, so that there is one stack to deploy; last, after everything that an event needs. */
  private connect({ id: userPoolId, previous }: GivenPool): void {
    const { triggers, packages } = this.context;
    const attachment = triggers === 'attach' ? { packages, poolDefinition: undefined } : undefined;
    const everythingElse = this.node.children;
    const connection = new PoolConnection(this, 'Pool', {
      userPoolId,
      previous,
      client: clientOfGivenPool(this),
      triggers: this.triggers,
      attachment,
      topic: this.parameters.alarmTopic,
      named: (part) => this.named(part),
    });
    connection.comeAfter(everythingElse);
  }

  private named(part: string): string {
    return `${this.parameters.namePrefix}-${part}`;
  }

  private output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}
