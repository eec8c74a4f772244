import type { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { QUEUE_RETENTION } from './limits.ts';

/** Encrypted with SQS's own key and closed to plain http. */
const PROTECTED = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true } as const;

/** Where messages wait for a person. */
export class DeadLetterQueue extends Queue {
  constructor(scope: Construct, id: string, props: { readonly name: string }) {
    super(scope, id, { ...PROTECTED, queueName: props.name, retentionPeriod: QUEUE_RETENTION.deadLetters });
  }
}

export interface QueueWithDeadLettersProps {
  /** The queue's name; its dead-letter queue is called the same with `-dlq` behind. */
  readonly name: string;
  readonly visibilityTimeout: Duration;
  readonly maxReceiveCount: number;
}

/** A queue, and the one that takes what was received too often. */
export class QueueWithDeadLetters extends Construct {
  readonly queue: Queue;
  readonly deadLetters: DeadLetterQueue;

  constructor(scope: Construct, id: string, props: QueueWithDeadLettersProps) {
    super(scope, id);
    this.deadLetters = new DeadLetterQueue(this, 'DeadLetters', { name: `${props.name}-dlq` });
    this.queue = new Queue(this, 'Queue', {
      ...PROTECTED,
      queueName: props.name,
      retentionPeriod: QUEUE_RETENTION.source,
      visibilityTimeout: props.visibilityTimeout,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.maxReceiveCount },
    });
  }
}
