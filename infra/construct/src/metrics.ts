import { Duration } from 'aws-cdk-lib';
import { type IMetric, Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { CHECK } from './limits';

/** The namespace of the functions' own metrics, as `libs/aws-runtime` writes it. */
const NAMESPACE = 'rollcall';

export const PERIOD = Duration.minutes(1);

export interface Measured {
  readonly producer: Function;
  readonly consumer: Function;
  readonly preSignUp: Function | undefined;
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly undelivered: Queue;
}

/** Every figure that the alarms and the dashboard look at, named once. */
export class Metrics {
  readonly published: IMetric;
  readonly unpublished: IMetric;
  readonly unusable: IMetric;
  readonly inserted: IMetric;
  readonly duplicates: IMetric;
  readonly retried: Metric;
  readonly tableUnfit: IMetric;
  readonly attributeDropped: Metric;
  readonly poison: IMetric;
  readonly signUpToRow: IMetric[];
  readonly queueDepth: IMetric;
  readonly deleted: IMetric;
  readonly inFlight: IMetric;
  readonly oldestMessage: IMetric;
  readonly deadLetters: IMetric;
  readonly undelivered: IMetric;
  readonly producerErrors: IMetric;
  readonly producerSlowest: IMetric;
  readonly producerThrottles: IMetric;
  readonly producerCalls: IMetric;
  readonly consumerErrors: Metric;
  readonly consumerThrottles: IMetric;
  readonly consumerSlowest: IMetric;
  /** Nothing where no function is called before a sign-up. */
  readonly preSignUp: { readonly errors: IMetric; readonly rejected: IMetric } | undefined;

  private readonly producer: Function;
  private readonly consumer: Function;
  private readonly preSignUpFunction: Function | undefined;

  constructor({ producer, consumer, preSignUp, queue, deadLetters, undelivered }: Measured) {
    this.producer = producer;
    this.consumer = consumer;
    this.preSignUpFunction = preSignUp;
    const sum = { period: PERIOD, statistic: Stats.SUM };
    const most = { period: PERIOD, statistic: Stats.MAXIMUM };
    this.published = own('UserConfirmedPublished', producer, Stats.SUM);
    this.unpublished = own('UserConfirmedUnpublished', producer, Stats.SUM);
    this.unusable = own('UserConfirmedUnusable', producer, Stats.SUM);
    this.inserted = own('Inserted', consumer, Stats.SUM);
    this.duplicates = own('Duplicates', consumer, Stats.SUM);
    this.retried = own('Retried', consumer, Stats.SUM);
    this.tableUnfit = own('TableUnfit', consumer, Stats.SUM);
    this.attributeDropped = own('AttributeDropped', consumer, Stats.SUM);
    this.poison = own('Poison', consumer, Stats.SUM);
    this.signUpToRow = [own('SignUpToRowMs', consumer, 'p50'), own('SignUpToRowMs', consumer, 'p99')];
    this.queueDepth = queue.metricApproximateNumberOfMessagesVisible(most);
    this.deleted = queue.metricNumberOfMessagesDeleted(sum);
    this.inFlight = queue.metricApproximateNumberOfMessagesNotVisible(most);
    this.oldestMessage = queue.metricApproximateAgeOfOldestMessage(most);
    this.deadLetters = deadLetters.metricApproximateNumberOfMessagesVisible(most);
    this.undelivered = undelivered.metricApproximateNumberOfMessagesVisible(most);
    this.producerErrors = producer.metricErrors(sum);
    this.producerSlowest = producer.metricDuration({ period: PERIOD, statistic: 'p99' });
    this.producerThrottles = producer.metricThrottles(sum);
    this.producerCalls = producer.metricInvocations(sum);
    this.consumerErrors = consumer.metricErrors(sum);
    this.consumerThrottles = consumer.metricThrottles(sum);
    this.consumerSlowest = consumer.metricDuration({ period: PERIOD, statistic: 'p99' });
    this.preSignUp = preSignUp && { errors: preSignUp.metricErrors(sum), rejected: own('SignUpRejected', preSignUp, Stats.SUM) };
  }

  /** A figure of the functions' own: the sum over a minute unless it is said otherwise. */
  named(metricName: string, options: MetricOptions = {}): Metric {
    // As the names of the functions' own figures tell them apart.
    const trigger = metricName.startsWith('UserConfirmed') ? this.producer : metricName === 'SignUpRejected' ? this.preSignUpFunction : undefined;
    return own(metricName, trigger ?? this.consumer, Stats.SUM).with(options);
  }
}

export const TRIGGERS_ATTACHED = 'TriggersAttached';

/** Whether a pool calls our functions, as the wiring's function last found it: 1 or 0. */
export function triggersAttached(functionName: string, userPoolId: string): Metric {
  return new Metric({
    namespace: NAMESPACE,
    metricName: TRIGGERS_ATTACHED,
    // The pool beside the function, because a deployment that moves to another pool must not inherit the state of the one before.
    dimensionsMap: { FunctionName: functionName, UserPool: userPoolId },
    statistic: Stats.MINIMUM,
    period: CHECK.every,
  });
}

function own(metricName: string, lambda: Function, statistic: string): Metric {
  return new Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { FunctionName: lambda.functionName },
    statistic,
    period: PERIOD,
  });
}
