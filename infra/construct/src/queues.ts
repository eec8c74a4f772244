import type { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { QUEUE_RETENTION } from './limits';

/** Encrypted with your key or else with SQS's own, and closed to plain http. */
function protectedBy(key: IKey | undefined): QueueProps {
  return key
    ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key, enforceSSL: true }
    : { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
}

/** Where messages wait for a person. */
export class DeadLetterQueue extends Queue {
  constructor(scope: Construct, id: string, props: { readonly name: string; readonly key: IKey | undefined }) {
    super(scope, id, { ...protectedBy(props.key), queueName: props.name, retentionPeriod: QUEUE_RETENTION.deadLetters });
  }
}

export interface QueueWithDeadLettersProps {
  /** The queue's name; its dead-letter queue is called the same with `-dlq` behind. */
  readonly name: string;
  readonly visibilityTimeout: Duration;
  readonly maxReceiveCount: number;
  readonly key: IKey | undefined;
}

/** A queue, and the one that takes what was received too often. */
export class QueueWithDeadLetters extends Construct {
  readonly queue: Queue;
  readonly deadLetters: DeadLetterQueue;

  constructor(scope: Construct, id: string, props: QueueWithDeadLettersProps) {
    super(scope, id);
    this.deadLetters = new DeadLetterQueue(this, 'DeadLetters', { name: `${props.name}-dlq`, key: props.key });
    this.queue = new Queue(this, 'Queue', {
      ...protectedBy(props.key),
      queueName: props.name,
      retentionPeriod: QUEUE_RETENTION.source,
      visibilityTimeout: props.visibilityTimeout,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.maxReceiveCount },
    });
  }
}
