import { Validations } from 'aws-cdk-lib';
import { type CfnEventBus, type EventBus, type EventPattern, type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ACKNOWLEDGED } from './acknowledged';
import { RULE_DELIVERY } from './limits';
import { DeadLetterQueue } from './queues';

export interface RuleToQueueProps {
  readonly bus: IEventBus;
  readonly ruleName: string;
  readonly pattern: EventPattern;
  readonly queue: Queue;
  /** Where events go that EventBridge could not deliver; without it they would be dropped. */
  readonly deadLetterQueueName: string;
}

/** Sends the events that match a pattern from a bus to a queue, unchanged. */
export class RuleToQueue extends Construct {
  readonly undelivered: DeadLetterQueue;

  constructor(scope: Construct, id: string, props: RuleToQueueProps) {
    super(scope, id);
    // Under SQS's own key, because it takes what a key of yours cannot encrypt.
    this.undelivered = new DeadLetterQueue(this, 'Undelivered', { name: props.deadLetterQueueName, key: undefined });
    Validations.of(this.undelivered).acknowledge(ACKNOWLEDGED.queueWithoutDeadLetters);
    const rule = new Rule(this, 'Rule', {
      eventBus: props.bus,
      ruleName: props.ruleName,
      eventPattern: props.pattern,
    });
    // The target by hand: the CDK's own lets EventBridge read the queue's attributes and address too.
    rule.addTarget({
      bind: () => ({
        arn: props.queue.queueArn,
        targetResource: props.queue,
        deadLetterConfig: { arn: this.undelivered.queueArn },
        retryPolicy: {
          maximumEventAgeInSeconds: RULE_DELIVERY.maxEventAge.toSeconds(),
          maximumRetryAttempts: RULE_DELIVERY.retryAttempts,
        },
      }),
    });
    letSend('RuleMaySend', rule.ruleArn, props.queue);
    letSend('RuleMaySend', rule.ruleArn, this.undelivered);
  }

  /**
   * Keeps an event that a bus under a key of yours cannot encrypt or decrypt, when the key is disabled for example.
   * Source: "Encrypting EventBridge event buses with AWS KMS keys" in the Amazon EventBridge user guide.
   */
  keepWhatBusCannotEncrypt(bus: EventBus): void {
    (bus.node.defaultChild as CfnEventBus).deadLetterConfig = { arn: this.undelivered.queueArn };
    letSend('BusMaySend', bus.eventBusArn, this.undelivered);
  }
}

/** Without the condition, a rule of any account could use EventBridge to write to the queue. */
function letSend(sid: string, source: string, queue: Queue): void {
  queue.addToResourcePolicy(
    new PolicyStatement({
      sid,
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': source } },
    }),
  );
}
