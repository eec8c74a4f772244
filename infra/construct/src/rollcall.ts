import { join } from 'node:path';
import { Lazy, Names } from 'aws-cdk-lib';
import type { Alarm, Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { Connections, type IConnectable, type ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import type { Grant, IGrantable, IRole } from 'aws-cdk-lib/aws-iam';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { RUNBOOK } from './dashboard';
import { keyItself } from './encryption-key';
import { packagesBeside } from './packages';
import { Pipeline } from './pipeline';
import { PoolConnection } from './pool-connection';
import { PoolPermissions } from './pool-permissions';
import { attachmentOf, check, LONGEST_PREFIX, numbers, reserved } from './props-read';
import type { RollcallProps } from './rollcall-props';
import { Table } from './table';

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
  /** Roles that may send besides the functions; everybody may if there are none. */
  private readonly operators: string[] | undefined;

  public constructor(scope: Construct, id: string, props: RollcallProps) {
    super(scope, id);
    const { userPool } = props;
    check(this, props);
    this.operators = props.operatorRoleArns?.length ? [...props.operatorRoleArns] : undefined;
    const packages = packagesBeside(props.functionsFolder ?? join(__dirname, '..', 'functions'), props.architecture);
    const { groups, ...database } = props.database._reachFrom(this, packages);
    const pipeline = new Pipeline(this, 'Pipeline', {
      namePrefix: props.namePrefix ?? Names.uniqueResourceName(this, { maxLength: LONGEST_PREFIX, separator: '-' }),
      packages,
      database,
      table: (props.table ?? new Table())._variables(),
      allowedUserPools: [userPool.userPoolId, props.previousUserPoolId ?? [], props.furtherUserPools ?? []].flat().join(','),
      forwardAttributes: (props.forwardAttributes ?? []).join(','),
      preSignUp: props.preSignUp ?? false,
      postAuthentication: props.postAuthentication ?? false,
      key: props.encryptionKey && keyItself(props.encryptionKey),
      migrationRun: props.migrationRun ?? '1',
      reserved: reserved(props),
      alarmTopicArn: props.alarmTopic?.topicArn,
      surroundings: { userPoolId: userPool.userPoolId, attaches: true, runbook: props.runbookUrl ?? RUNBOOK },
      operators: this.operators && { roleArns: Lazy.string({ produce: () => this.operators?.join(',') }) },
      ...numbers(props),
    });
    const connection = new PoolConnection(this, 'Pool', {
      userPoolId: userPool.userPoolId,
      previous: props.previousUserPoolId === undefined ? undefined : { id: props.previousUserPoolId },
      client: props.userPoolClient && { id: props.userPoolClient.userPoolClientId },
      triggers: pipeline.triggers,
      attachment: {
        packages,
        ...attachmentOf(props),
        force: String(props.forceTriggers ?? false),
        heal: props.heal ?? false,
      },
      topicArn: props.alarmTopic?.topicArn,
      named: (part) => pipeline.named(part),
    });
    connection.comeAfter(pipeline.parts);
    for (const id of props.furtherUserPools ?? []) {
      const permissions = new PoolPermissions(this, `Pool${id}`, { userPoolId: id, triggers: pipeline.triggers });
      permissions.node.addDependency(...pipeline.parts);
    }

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
    this.exempt(grantee);
    const taking = this.deadLetterQueue.grantConsumeMessages(grantee).combine(this.undeliveredQueue.grantConsumeMessages(grantee));
    return taking.combine(this.queue.grantSendMessages(grantee));
  }

  /** Grants publishing `UserConfirmed` events, which insert rows for users of the accepted pools. */
  public grantPublish(grantee: IGrantable): Grant {
    this.exempt(grantee);
    return this.bus.grantPutEventsTo(grantee);
  }

  /** With `operatorRoleArns`, a permission alone would be overruled. */
  private exempt({ grantPrincipal }: IGrantable): void {
    if (this.operators === undefined) return;
    const { roleArn } = grantPrincipal as Partial<IRole>;
    if (roleArn === undefined) throw new Error('with `operatorRoleArns`, only a role can be allowed to send: grant to a role');
    this.operators.push(roleArn);
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
