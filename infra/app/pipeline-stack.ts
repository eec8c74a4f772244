import { CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { ReachableDatabase } from '../construct/src/database-access.ts';
import { Pipeline } from '../construct/src/pipeline.ts';
import { PoolConnection } from '../construct/src/pool-connection.ts';
import type { Triggers } from '../construct/src/pool-permissions.ts';
import { allowedUserPools, forwardedAttributes, usersTable } from './accepted-events.ts';
import { declareAttachment } from './attachment.ts';
import { databaseAccess } from './database-access.ts';
import type { EncryptionKey, SynthContext } from './input.ts';
import { networkAccess } from './network-access.ts';
import { declareOperators } from './operators.ts';
import { declareReservedConcurrency } from './reserved-concurrency.ts';
import { clientOfGivenPool, declareParameters, type GivenPool, type Parameters, previousUserPool, runbookUrl, userPoolId } from './parameters.ts';

export interface PipelineStackProps extends StackProps {
  readonly context: SynthContext;
  /** The database that another stack of the app makes; without one, parameters say where yours is. */
  readonly data: ReachableDatabase | undefined;
}

/** The pipeline with what a deployment chooses as parameters, and the pool that it is connected to, if that is given. */
export class PipelineStack extends Stack {
  /** What a pool calls. */
  readonly triggers: Triggers;
  private readonly context: SynthContext;

  constructor(scope: Construct, id: string, props: PipelineStackProps) {
    super(scope, id, props);
    this.context = props.context;
    const { packages, preSignUp, postAuthentication, pool, triggers, migrate, key } = this.context;
    const givenPool = pool === 'given' ? { id: userPoolId(this), previous: previousUserPool(this) } : undefined;
    const parameters = declareParameters(this, this.context.name);
    const database = props.data ?? this.databaseOfYours();
    // Without an id of its own, its parts are called as if they were the stack's.
    const pipeline = new Pipeline(this, 'Default', {
      namePrefix: parameters.namePrefix,
      packages,
      database,
      table: usersTable(this),
      allowedUserPools: allowedUserPools(this, givenPool),
      forwardAttributes: forwardedAttributes(this),
      preSignUp: preSignUp === 'yes',
      postAuthentication: postAuthentication === 'yes',
      key: this.encryptionKey(key),
      migrationRun: migrate === 'yes' ? migrationRun(this) : '',
      visibilityTimeout: Duration.seconds(parameters.visibilityTimeoutSeconds),
      maxReceiveCount: parameters.maxReceiveCount,
      batchSize: parameters.batchSize,
      maxBatchingWindow: Duration.seconds(parameters.batchWindowSeconds),
      maximumConcurrency: parameters.maximumConcurrency,
      reserved: declareReservedConcurrency(this, parameters.maximumConcurrency, preSignUp === 'yes'),
      archiveDays: parameters.archiveDays,
      alarmTopicArn: parameters.alarmTopicArn,
      // A pool that is made beside it must not be known here.
      surroundings: { userPoolId: givenPool?.id, attaches: triggers === 'attach', runbook: runbookUrl(this) },
      operators: declareOperators(this),
    });
    this.triggers = pipeline.triggers;
    if (givenPool !== undefined) this.connect(givenPool, pipeline, parameters);
    this.outputsOf(pipeline);
  }

  /** Where it is and how to log in are parameters. */
  private databaseOfYours(): ReachableDatabase {
    const { database, migrate, network } = this.context;
    if (database === 'aurora') throw new Error('the stack that makes the database was not given');
    return { ...databaseAccess(this, database, migrate), subnets: networkAccess(this, network) };
  }

  /** One that you control, or nothing when AWS's own is enough. */
  private encryptionKey(choice: EncryptionKey): IKey | undefined {
    if (choice === 'aws') return undefined;
    return new Key(this, 'Key', {
      description: "Encrypts rollcall's queues, bus and archive, and the variables of functions that name secrets.",
      enableKeyRotation: true,
      // What is in the queues when the stack goes can be read as long as the key is kept.
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  /** A pool that is given is connected here, so that there is one stack to deploy; last, after everything that an event needs. */
  private connect({ id, previous }: GivenPool, pipeline: Pipeline, { alarmTopicArn }: Parameters): void {
    const { triggers, packages, heal } = this.context;
    const connection = new PoolConnection(this, 'Pool', {
      userPoolId: id,
      previous,
      client: clientOfGivenPool(this),
      triggers: pipeline.triggers,
      attachment: triggers === 'attach' ? declareAttachment(this, { packages, userPoolId: id, poolDefinition: undefined, heal }) : undefined,
      topicArn: alarmTopicArn,
      named: (part) => pipeline.named(part),
    });
    connection.comeAfter(pipeline.parts);
  }

  private outputsOf({ bus, archiveArn, users, undelivered, producer, consumer, triggers }: Pipeline): void {
    this.output('BusName', bus.eventBusName, 'The bus that the producer publishes to.');
    this.output('BusArn', bus.eventBusArn, 'The same bus, for policies and rules of other stacks.');
    this.output('ArchiveArn', archiveArn, 'The archive of the bus, to replay events from.');
    this.output('QueueUrl', users.queue.queueUrl, 'The queue that the consumer reads.');
    this.output('QueueArn', users.queue.queueArn, 'The same queue, for policies of other stacks.');
    this.output('DlqUrl', users.deadLetters.queueUrl, 'Messages that the consumer could not turn into a row.');
    this.output('RuleDlqUrl', undelivered.queueUrl, 'Events that EventBridge could not deliver to the queue.');
    this.output('ProducerFunctionName', producer.functionName, 'The function behind the trigger.');
    this.output('ProducerFunctionArn', producer.functionArn, 'What the user pool calls as its PostConfirmation trigger, and may call as its PostAuthentication trigger.');
    this.output('ConsumerFunctionName', consumer.functionName, 'The function that writes the rows.');
    if (triggers.PreSignUp) {
      this.output('PreSignUpFunctionArn', triggers.PreSignUp.functionArn, 'What the user pool calls as its PreSignUp trigger.');
    }
  }

  private output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}

function migrationRun(stack: Stack): string {
  return new CfnParameter(stack, 'MigrationRun', {
    type: 'String',
    default: '1',
    description: 'Any text: change it to run the migration again, after DatabaseUrl has changed for example.',
  }).valueAsString;
}
