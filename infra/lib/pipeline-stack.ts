import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnArchive, EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { PipelineDashboard } from './dashboard.ts';
import { databaseAccess } from './database-access.ts';
import type { SynthContext } from './input.ts';
import { CONSUMER, PRE_SIGN_UP, PRODUCER } from './limits.ts';
import { Metrics } from './metrics.ts';
import { networkAccess } from './network-access.ts';
import { declareParameters, type Parameters } from './parameters.ts';
import { QueueWithDeadLetters } from './queues.ts';
import { PoolPermissions } from './pool-permissions.ts';
import { mayUse, queueKey } from './queue-key.ts';
import { RuleToQueue } from './rule-to-queue.ts';
import { type Permission, RustFunction } from './rust-function.ts';
import { TriggerWiring } from './trigger-wiring.ts';

/** What the producer publishes; the names are those of the contract in `libs/events`. */
const USER_CONFIRMED = { source: ['rollcall'], detailType: ['UserConfirmed'] };

export interface PipelineStackProps extends StackProps, SynthContext {}

/**
 * From Cognito's trigger to the row: producer, bus, rule, queue, consumer.
 * The user pool and the database belong to others and come in as parameters.
 */
export class PipelineStack extends Stack {
  private readonly context: SynthContext;
  private readonly parameters: Parameters;

  constructor(scope: Construct, id: string, props: PipelineStackProps) {
    super(scope, id, props);
    this.context = props;
    this.parameters = declareParameters(this);

    const key = queueKey(this, this.context.queueKey);
    const bus = new EventBus(this, 'Bus', { eventBusName: this.named('events') });
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
    const producer = this.producer(bus, users.queue, mayUse(key));
    const consumer = this.consumer(users, mayUse(key));
    const preSignUp = this.context.preSignUp === 'yes' ? this.preSignUp() : undefined;
    this.connectPool(producer, preSignUp);

    const metrics = new Metrics({
      producer: producer.lambda,
      consumer: consumer.lambda,
      queue: users.queue,
      deadLetters: users.deadLetters,
      undelivered: rule.undelivered,
    });
    new Alarms(this, 'Alarms', { metrics, topic: this.parameters.alarmTopic, named: (part) => this.named(part) });
    new PipelineDashboard(this, 'Seen', { name: this.named('pipeline'), metrics });
    new CfnArchive(this, 'Archive', {
      archiveName: this.named('archive'),
      sourceArn: bus.eventBusArn,
      eventPattern: { source: USER_CONFIRMED.source },
      retentionDays: this.parameters.archiveDays,
    });

    this.output('BusName', bus.eventBusName, 'The bus that the producer publishes to.');
    this.output('BusArn', bus.eventBusArn, 'The same bus, for policies and rules of other stacks.');
    this.output('QueueUrl', users.queue.queueUrl, 'The queue that the consumer reads.');
    this.output('QueueArn', users.queue.queueArn, 'The same queue, for policies of other stacks.');
    this.output('DlqUrl', users.deadLetters.queueUrl, 'Messages that the consumer could not turn into a row.');
    this.output('RuleDlqUrl', rule.undelivered.queueUrl, 'Events that EventBridge could not deliver to the queue.');
    this.output('ProducerFunctionName', producer.lambda.functionName, 'The function behind the trigger.');
    this.output('ProducerFunctionArn', producer.lambda.functionArn, 'What the user pool calls as its PostConfirmation trigger.');
    this.output('ConsumerFunctionName', consumer.lambda.functionName, 'The function that writes the rows.');
  }

  /** Cognito's PostConfirmation trigger: publishes to the bus and, when that is down, sends straight to the queue. */
  private producer(bus: IEventBus, fallback: Queue, mayUseKey: Permission[]): RustFunction {
    const producer = new RustFunction(this, 'Producer', {
      name: this.named('producer'),
      description: 'Tells the bus that a user was confirmed.',
      zip: this.context.zips.producer,
      architecture: this.context.architecture,
      timeout: PRODUCER.timeout,
      memoryMiB: PRODUCER.memoryMiB,
      environment: { EVENT_BUS_NAME: bus.eventBusName, FALLBACK_QUEUE_URL: fallback.queueUrl },
      may: [
        { actions: ['events:PutEvents'], on: bus.eventBusArn },
        { actions: ['sqs:SendMessage'], on: fallback.queueArn },
        ...mayUseKey,
      ],
    });
    return producer;
  }

  /** Reads the queue in batches and inserts each batch with one statement. */
  private consumer({ queue, deadLetters }: QueueWithDeadLetters, mayUseKey: Permission[]): RustFunction {
    const database = databaseAccess(this, this.context.database);
    const consumer = new RustFunction(this, 'Consumer', {
      name: this.named('consumer'),
      description: 'Turns confirmed users into rows.',
      zip: this.context.zips.consumer,
      architecture: this.context.architecture,
      timeout: Duration.seconds(CONSUMER.timeoutSeconds),
      memoryMiB: CONSUMER.memoryMiB,
      environment: {
        ...database.environment,
        QUEUE_URL: queue.queueUrl,
        DLQ_URL: deadLetters.queueUrl,
      },
      may: [
        // What the event source mapping does in the function's name.
        { actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], on: queue.queueArn },
        // What it does itself: holding messages back while the database is down, and burying poison.
        { actions: ['sqs:ChangeMessageVisibility'], on: queue.queueArn },
        { actions: ['sqs:SendMessage'], on: deadLetters.queueArn },
        ...mayUseKey,
        ...database.may,
      ],
      subnets: networkAccess(this, this.context.network),
    });
    new EventSourceMapping(this, 'UsersToConsumer', {
      target: consumer.lambda,
      eventSourceArn: queue.queueArn,
      batchSize: this.parameters.batchSize,
      maxBatchingWindow: Duration.seconds(this.parameters.batchWindowSeconds),
      maxConcurrency: this.parameters.maximumConcurrency,
      // One message that fails must not bring the others of its batch back.
      reportBatchItemFailures: true,
    });
    return consumer;
  }

  /** Cognito's PreSignUp trigger: refuses who could never become a row, and lets everybody else pass. */
  private preSignUp(): RustFunction {
    return new RustFunction(this, 'PreSignUp', {
      name: this.named('pre-sign-up'),
      description: 'Refuses sign-ups that could never become a row.',
      zip: this.context.zips.preSignUp,
      architecture: this.context.architecture,
      timeout: PRE_SIGN_UP.timeout,
      memoryMiB: PRE_SIGN_UP.memoryMiB,
      environment: {},
      may: [],
    });
  }

  /** Lets the pool call the functions, and attaches them to it unless somebody else does. */
  private connectPool(producer: RustFunction, preSignUp: RustFunction | undefined): void {
    const { userPoolId } = this.parameters;
    const triggers = { PostConfirmation: producer.lambda, PreSignUp: preSignUp?.lambda };
    const permissions = new PoolPermissions(this, 'UserPool', { userPoolId, triggers });
    if (this.context.triggers === 'none') return;
    const wiring = new TriggerWiring(this, 'TriggerWiring', {
      name: this.named('trigger-wiring'),
      zip: this.context.zips.triggerWiring,
      architecture: this.context.architecture,
      poolArn: permissions.poolArn,
      userPoolId,
      triggers,
    });
    // Cognito may call each function before it is attached, and until it is detached.
    wiring.resource.node.addDependency(permissions);
  }

  private named(part: string): string {
    return `${this.parameters.namePrefix}-${part}`;
  }

  private output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}
