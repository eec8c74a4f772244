/**
 * CloudWatch's evaluation of a template's alarms, minute by minute, over metrics that a story gives.
 *
 * Source: "Alarm evaluation" in the Amazon CloudWatch user guide: the last N periods are looked at every minute, and M of them must breach.
 * Not modelled: how late metrics arrive, and periods that CloudWatch looks at beyond the N when data is missing (`docs/deploying/not-tried.md`).
 */
import { type Series, evaluate } from './metric-math.ts';
import { type Template, resourcesOf, text } from './synthesized.ts';

/** Data points by metric (`producer Errors`), and by minute. */
export type Metrics = Record<string, Record<number, readonly number[]>>;

interface Reading {
  readonly minutes: number;
  /** The value of each of so many periods that end after this minute. */
  at(minute: number, periods: number, metrics: Metrics): Series;
}

export type State = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface Alarm {
  readonly name: string;
  readonly section: string;
  /** Its state when this minute has passed. */
  state(minute: number, metrics: Metrics): State;
  /** The states that its topic is told of, besides OK. */
  readonly told: readonly State[];
}

/** The alarms of a template. */
export function alarmsOf(template: Template): Alarm[] {
  return resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([id, alarm]) => {
    const reading = alarm['Metrics'] ? calculated(template, alarm['Metrics']) : plain(template, alarm);
    const [enough, periods, threshold] = [alarm['DatapointsToAlarm'], alarm['EvaluationPeriods'], alarm['Threshold']] as [number, number, number];
    const bad = BREACHES[alarm['ComparisonOperator']];
    if (!bad || !['notBreaching', 'missing'].includes(alarm['TreatMissingData'])) throw new Error(`${id} is of another kind`);
    return {
      name: text(alarm['AlarmName']).replace('<NamePrefix>-', ''),
      section: /#([a-z-]+)/.exec(alarm['AlarmDescription'])?.[1] ?? '',
      told: alarm['InsufficientDataActions'] ? ['ALARM', 'INSUFFICIENT_DATA'] : ['ALARM'],
      state(minute, metrics) {
        const values = reading.at(minute, periods, metrics);
        if (alarm['TreatMissingData'] === 'missing' && values.every((value) => value === undefined)) return 'INSUFFICIENT_DATA';
        return values.filter((value) => value !== undefined && bad(value, threshold)).length >= enough ? 'ALARM' : 'OK';
      },
    };
  });
}

const BREACHES: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanThreshold: (value, threshold) => value > threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
};

/** The minutes after which an alarm has gone off: it was in another state a minute before. No data at the very beginning is the state of a new alarm. */
export function goesOff(alarm: Alarm, metrics: Metrics, minutes: number): number[] {
  const states = Array.from({ length: minutes }, (_, minute) => alarm.state(minute, metrics));
  const before = (minute: number): State => states[minute - 1] ?? 'INSUFFICIENT_DATA';
  return states.flatMap((state, minute) => (alarm.told.includes(state) && state !== before(minute) ? [minute] : []));
}

function plain(template: Template, metric: Record<string, any>): Reading {
  const key = keyOf(template, metric);
  const minutes = metric['Period'] / 60;
  const statistic: string = metric['Statistic'] ?? metric['ExtendedStatistic'] ?? metric['Stat'];
  return {
    minutes,
    at: (minute, periods, metrics) =>
      Array.from({ length: periods }, (_, period) => {
        const end = minute - (periods - 1 - period) * minutes;
        const points = Array.from({ length: minutes }, (_, back) => metrics[key]?.[end - back] ?? []).flat();
        return points.length > 0 ? aggregate(statistic, points) : undefined;
      }),
  };
}

function calculated(template: Template, queries: Record<string, any>[]): Reading {
  const [expression] = queries.filter((query) => query['Expression']);
  const metrics = queries.filter((query) => query['MetricStat']);
  const readings = metrics.map((query) => {
    const { Metric, Period, Stat } = query['MetricStat'];
    return [query['Id'] as string, plain(template, { ...Metric, Period, Stat })] as const;
  });
  return {
    minutes: readings[0]![1].minutes,
    // DIFF needs the period before the first one, which CloudWatch has as well.
    at(minute, periods, given) {
      const before = (expression!['Expression'] as string).includes('DIFF') ? 1 : 0;
      const series = readings.map(([id, reading]) => [id, reading.at(minute, periods + before, given)] as const);
      return evaluate(expression!['Expression'], Object.fromEntries(series)).slice(before);
    },
  };
}

function aggregate(statistic: string, points: readonly number[]): number {
  switch (statistic) {
    case 'Sum':
      return points.reduce((sum, point) => sum + point, 0);
    case 'Maximum':
      return Math.max(...points);
    case 'Minimum':
      return Math.min(...points);
    case 'p99':
      return points.toSorted((a, b) => a - b)[Math.ceil(points.length * 0.99) - 1]!;
    default:
      throw new Error(`${statistic} is not modelled`);
  }
}

/** `producer Errors`: what the metric is of, and its name. */
function keyOf(template: Template, { Dimensions, MetricName }: Record<string, any>): string {
  const of = (Dimensions as { Name: string; Value: any }[]).map(({ Value }) => {
    const id: string = Value['Ref'] ?? Value['Fn::GetAtt']?.[0] ?? Value;
    const properties = template.Resources[id]?.Properties ?? {};
    return text(properties['FunctionName'] ?? properties['QueueName'] ?? Value).replace('<NamePrefix>-', '');
  });
  return `${of[0]} ${MetricName}`;
}
