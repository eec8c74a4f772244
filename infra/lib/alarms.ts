import { type CfnCondition, Duration, Fn } from 'aws-cdk-lib';
import { Alarm, type CfnAlarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Metrics } from './metrics.ts';

/** Only what a person must act on; each names the section of `docs/runbook.md` that says how. */
export interface Watch {
  readonly id: string;
  readonly metric: IMetric;
  readonly above: number;
  /** How many of how many periods must be above. */
  readonly periods: readonly [number, number];
  readonly what: string;
  readonly section: string;
}

/** Where an alarm goes when the deployment has named a topic. */
export interface AlarmTopic {
  readonly arn: string;
  readonly isGiven: CfnCondition;
}

export interface AlarmNaming {
  readonly topic: AlarmTopic;
  named(part: string): string;
}

export interface AlarmsProps extends AlarmNaming {
  readonly metrics: Metrics;
}

/**
 * A message waits at most 3 minutes between two of its first twenty tries (`consumer/src/backpressure.rs`), so one that is older has failed several times: the database is down, or the consumer is.
 */
const OLDEST_MESSAGE_SECONDS = Duration.minutes(15).toSeconds();

/** Cognito gives up after 5 seconds; a producer that needs most of them will soon fail sign-ups. */
const SLOW_PRODUCER_MS = 4_000;

/** Alarms on what nobody else will notice in time. */
export class Alarms extends Construct {
  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    for (const watch of watches(props.metrics)) alarm(this, watch, props);
  }
}

/** Makes one alarm, which goes to the topic if there is one. */
export function alarm(scope: Construct, { id, metric, above, periods: [bad, of], what, section }: Watch, { topic, named }: AlarmNaming): CfnAlarm {
  const made = new Alarm(scope, id, {
    alarmName: named(section),
    alarmDescription: `${what} See docs/runbook.md#${section}.`,
    metric,
    threshold: above,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    datapointsToAlarm: bad,
    evaluationPeriods: of,
    // No data is no sign-ups, and nothing to get up for.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  const actions = [Fn.conditionIf(topic.isGiven.logicalId, topic.arn, { Ref: 'AWS::NoValue' }).toString()];
  const resource = made.node.defaultChild as CfnAlarm;
  resource.alarmActions = actions;
  resource.okActions = actions;
  return resource;
}

function watches(metrics: Metrics): Watch[] {
  return [
    {
      id: 'DeadLetters',
      metric: metrics.deadLetters,
      above: 0,
      periods: [1, 1],
      what: 'Messages could not become rows.',
      section: 'dead-letters',
    },
    {
      id: 'Undelivered',
      metric: metrics.undelivered,
      above: 0,
      periods: [1, 1],
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
      id: 'OldestMessage',
      metric: metrics.oldestMessage,
      above: OLDEST_MESSAGE_SECONDS,
      periods: [3, 3],
      what: 'Users wait for their rows: the database or the consumer is down.',
      section: 'old-messages',
    },
    {
      id: 'Unpublished',
      metric: metrics.unpublished,
      above: 0,
      periods: [1, 1],
      what: 'Users were confirmed and nobody took their events: they get no row by themselves.',
      section: 'unpublished-users',
    },
    {
      id: 'ProducerErrors',
      metric: metrics.producerErrors,
      above: 0,
      periods: [2, 5],
      what: 'The trigger fails, so people see an error when they confirm.',
      section: 'trigger-errors',
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
      metric: metrics.consumerErrors,
      above: 0,
      periods: [5, 5],
      what: 'The consumer itself fails again and again; its batches come back whole.',
      section: 'consumer-errors',
    },
  ];
}
