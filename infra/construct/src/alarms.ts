import { Duration } from 'aws-cdk-lib';
import { Alarm, type CfnAlarm, ComparisonOperator, type IMetric, MathExpression, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Metrics } from './metrics';

/** Only what a person must act on; each names the section of `docs/runbook.md` that says how. */
export type Watch = Watched & Threshold;

/** Where it begins to be bad. */
type Threshold = { readonly above: number; readonly below?: never } | { readonly below: number; readonly above?: never };

interface Watched {
  readonly id: string;
  readonly metric: IMetric;
  /** How many of how many periods must be bad. */
  readonly periods: readonly [number, number];
  /** What no data means: that nobody signed up, which is nothing to get up for, or that nobody knows, which the topic is told as well. */
  readonly noData?: 'unknown';
  readonly what: string;
  readonly section: string;
}

export interface AlarmNaming {
  /** The SNS topic that it goes to; without one it only changes its colour. */
  readonly topicArn: string | undefined;
  named(part: string): string;
}

export interface AlarmsProps extends AlarmNaming {
  readonly metrics: Metrics;
}

/**
 * How long messages may wait while none is deleted, in minutes. A message is tried again at least every 3 minutes at first (`consumer/src/backpressure.rs`), so it has been tried several times by then.
 * In a few of the minutes SQS may count none: its counts are approximate.
 */
const WAITING_MINUTES = { of: 15, atLeast: 13 } as const;

/** Tries of one message that kills the consumer: it comes back after the visibility timeout, five times in these 15 minutes. */
const CONSUMER_ERRORS = { above: 2, within: Duration.minutes(15) } as const;

/** In so many of so many stretches of ten minutes messages come back: a failover of the database takes less, and a lock that somebody forgot takes longer. */
const RETRIED = { stretch: Duration.minutes(10), atLeast: 4, of: 6 } as const;

/** An hour in stretches of five minutes: who was published in the first two of them has a row by now, or none has. */
const NOT_INSERTED = { stretch: Duration.minutes(5), atLeast: 11, of: 12 } as const;

/** Somebody who looks at dead letters hides them for less than this. */
const DEAD_LETTER_STRETCH = Duration.minutes(5);

/** Cognito gives up after 5 seconds; a producer that needs most of them will soon fail sign-ups. */
const SLOW_PRODUCER_MS = 4_000;

/** Alarms on what nobody else will notice in time. */
export class Alarms extends Construct {
  readonly all: readonly Alarm[];
  /** The sections of the runbook that they name. */
  readonly sections: readonly string[];

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const watched = watches(props.metrics);
    this.all = watched.map((watch) => alarm(this, watch, props));
    this.sections = watched.map(({ section }) => section);
  }
}

/** Makes one alarm, which goes to the topic if there is one. */
export function alarm(scope: Construct, watch: Watch, { topicArn, named }: AlarmNaming): Alarm {
  const { id, metric, periods: [bad, of], noData, what, section } = watch;
  const made = new Alarm(scope, id, {
    alarmName: named(section),
    alarmDescription: `${what} See docs/runbook.md#${section}.`,
    metric,
    ...(watch.above === undefined
      ? { threshold: watch.below, comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD }
      : { threshold: watch.above, comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD }),
    datapointsToAlarm: bad,
    evaluationPeriods: of,
    treatMissingData: noData === 'unknown' ? TreatMissingData.MISSING : TreatMissingData.NOT_BREACHING,
  });
  if (topicArn !== undefined) {
    const resource = made.node.defaultChild as CfnAlarm;
    resource.alarmActions = [topicArn];
    resource.okActions = [topicArn];
    // A new alarm begins in this state, and only a change of state is told: a first deployment rings no bell.
    if (noData === 'unknown') resource.insufficientDataActions = [topicArn];
  }
  return made;
}

/** A figure that is made of others. A period without any data counts as 0: a function that is not called and a queue that is empty for six hours have none. */
function made(label: string, expression: string, period: Duration, usingMetrics: Record<string, IMetric>): IMetric {
  return new MathExpression({ label, expression, period, usingMetrics });
}

/**
 * How many messages have come since the stretch before. Old ones ring no second time.
 * The depth alone says nothing when others leave meanwhile, but the consumer counts whom it puts there.
 */
function newMessages(depth: IMetric, buried?: IMetric): IMetric {
  const more = 'DIFF(FILL(depth, 0))';
  return buried
    ? made('New dead letters', `MAX([${more}, FILL(buried, 0)])`, DEAD_LETTER_STRETCH, { depth, buried })
    : made('New undelivered events', more, DEAD_LETTER_STRETCH, { depth });
}

function watches(metrics: Metrics): Watch[] {
  const { preSignUp } = metrics;
  return [
    {
      id: 'DeadLetters',
      metric: newMessages(metrics.deadLetters, metrics.poison),
      above: 0,
      periods: [1, 2],
      what: 'Messages could not become rows.',
      section: 'dead-letters',
    },
    {
      id: 'Undelivered',
      metric: newMessages(metrics.undelivered),
      above: 0,
      periods: [1, 2],
      what: 'EventBridge could not deliver events to the queue.',
      section: 'undelivered-events',
    },
    {
      id: 'TableUnfit',
      metric: metrics.tableUnfit,
      above: 0,
      // One statement may meet a table in the middle of a migration; the next try shows whether it stays so.
      // A message comes back within 15 minutes (`LONG_CAP` in `consumer/src/backpressure.rs`): an hour has three tries of even a single one,
      // so the alarm does not clear between them.
      periods: [2, 60],
      what: 'The table or the server rejects rows for a reason that is not in the message. No user is lost, and none gets a row until it is fixed.',
      section: 'the-table-rejects-every-row',
    },
    {
      id: 'Waiting',
      // Not the age of the oldest message: SQS leaves out those that have been received three times, and each try of a waiting one is a receive.
      metric: made('Messages wait and none is deleted', 'IF(FILL(waiting, 0) + FILL(hidden, 0) > 0 AND FILL(deleted, 0) < 1, 1, 0)', Duration.minutes(1), {
        waiting: metrics.queueDepth,
        hidden: metrics.inFlight,
        deleted: metrics.deleted,
      }),
      above: 0,
      periods: [WAITING_MINUTES.atLeast, WAITING_MINUTES.of],
      what: 'Users wait for their rows and nobody gets one: the database or the consumer is down.',
      section: 'waiting-messages',
    },
    {
      id: 'Retried',
      metric: metrics.retried.with({ period: RETRIED.stretch }),
      above: 0,
      periods: [RETRIED.atLeast, RETRIED.of],
      what: 'Some users wait for their rows while others get theirs.',
      section: 'retried-messages',
    },
    {
      id: 'NotInserted',
      metric: made(
        'Published, and no row since',
        'IF(RUNNING_SUM(FILL(published, 0)) > 0 AND RUNNING_SUM(FILL(inserted, 0) + FILL(duplicates, 0) + FILL(buried, 0)) < 1, 1, 0)',
        NOT_INSERTED.stretch,
        { published: metrics.published, inserted: metrics.inserted, duplicates: metrics.duplicates, buried: metrics.poison },
      ),
      above: 0,
      periods: [NOT_INSERTED.atLeast, NOT_INSERTED.of],
      what: 'Events were published for an hour and nothing became of them: the rule may be disabled.',
      section: 'published-and-no-row',
    },
    {
      id: 'Unpublished',
      metric: metrics.unpublished,
      above: 0,
      periods: [1, 1],
      what: 'Users were confirmed, but their events could not be published. They get no row until you republish them.',
      section: 'unpublished-users',
    },
    {
      id: 'Unusable',
      metric: metrics.unusable,
      above: 0,
      periods: [1, 1],
      what: 'Cognito called the trigger with an event that it cannot publish: that user gets no row.',
      section: 'unusable-events',
    },
    {
      id: 'AttributeDropped',
      metric: metrics.attributeDropped.with({ period: Duration.hours(1) }),
      above: 0,
      periods: [1, 1],
      what: 'Attributes became null because no row can hold them. Nobody is missing.',
      section: 'attributes-that-were-dropped',
    },
    {
      id: 'ProducerErrors',
      metric: metrics.producerErrors,
      above: 0,
      periods: [1, 1],
      what: 'The trigger fails, so people see an error when they confirm.',
      section: 'trigger-errors',
    },
    {
      id: 'ProducerThrottles',
      metric: metrics.producerThrottles,
      above: 0,
      periods: [1, 1],
      what: 'Lambda does not run the trigger: too many functions run at the same time.',
      section: 'throttled-trigger',
    },
    {
      id: 'ProducerSlow',
      metric: metrics.producerSlowest,
      above: SLOW_PRODUCER_MS,
      periods: [3, 5],
      what: "The trigger comes close to Cognito's 5 seconds.",
      section: 'slow-trigger',
    },
    {
      id: 'ConsumerErrors',
      metric: metrics.consumerErrors.with({ period: CONSUMER_ERRORS.within }),
      above: CONSUMER_ERRORS.above,
      periods: [1, 1],
      what: 'The consumer itself fails again and again; its batches come back whole.',
      section: 'consumer-errors',
    },
    ...(preSignUp
      ? [
          {
            id: 'PreSignUpErrors',
            metric: made('Errors that are no rejections', 'FILL(errors, 0) - FILL(rejected, 0)', Duration.minutes(5), preSignUp),
            above: 0,
            periods: [1, 1] as const,
            what: 'The trigger before a sign-up fails, so people cannot sign up.',
            section: 'sign-ups-that-fail',
          },
        ]
      : []),
  ];
}
