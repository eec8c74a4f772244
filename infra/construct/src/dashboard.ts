import type { Duration } from 'aws-cdk-lib';
import { Alarm, AlarmStatusWidget, Dashboard, GraphWidget, type IMetric, type IWidget, MathExpression, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { CHECK } from './limits';
import { type Metrics, PERIOD, TRIGGERS_ATTACHED } from './metrics';
import { LOST_TRIGGERS } from './trigger-check';
import { WIRING_FUNCTION } from './trigger-wiring';

/** Units of a widget; a dashboard is 24 wide, so there are three graphs in a row. */
const GRAPH = { width: 8, height: 6 } as const;
const WIDE = 24;

/** Where the runbook is unless a deployment says it: a page of the repository, which the console cannot open. */
export const RUNBOOK = 'docs/runbook.md';

/** What a dashboard shows beside the pipeline itself. */
export interface Surroundings {
  /** The pool, where the pipeline may know it; one that it must not know is not shown. */
  readonly userPoolId: string | undefined;
  /** Whether the wiring attaches the triggers and checks them, in this stack or in one that needs it. */
  readonly attaches: boolean;
  /** The address whose sections the links go to. */
  readonly runbook: string;
}

export interface DashboardProps extends Surroundings {
  readonly metrics: Metrics;
  /** The pipeline's alarms, by the sections of the runbook that explain them. */
  readonly alarms: readonly string[];
  named(part: string): string;
}

/** One page that answers: do people sign up, do they become rows, how long does it take, what is stuck, and what to do about it? */
export class PipelineDashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { metrics } = props;
    const alarms = [...(props.attaches ? [LOST_TRIGGERS] : []), ...props.alarms];
    new Dashboard(this, 'Dashboard', {
      dashboardName: props.named('pipeline'),
      widgets: [
        [sections(props.runbook, alarms)],
        [this.states(alarms, props)],
        [
          signUps(props),
          graph('Rows inserted, duplicates, retries, poison', metrics.inserted, metrics.duplicates, metrics.retried, metrics.poison),
          graph('From the confirmation to the row, ms', ...metrics.signUpToRow),
        ],
        [
          graph('Messages waiting, in work or hidden, and deleted', metrics.queueDepth, metrics.inFlight, metrics.deleted),
          graph('Age of the oldest message, s; without those that were received three times', metrics.oldestMessage),
          graph('Dead letters of the queue and of the rule', metrics.deadLetters, metrics.undelivered),
        ],
        [
          graph('Events that were published, that nobody took, that could not be read', metrics.published, metrics.unpublished, metrics.unusable),
          graph('Errors, rows that the table rejects, attributes that were dropped', metrics.producerErrors, metrics.consumerErrors, metrics.tableUnfit, metrics.attributeDropped),
          graph('Throttles of the trigger and of the consumer', metrics.producerThrottles, metrics.consumerThrottles),
        ],
        [
          graph('Duration of the trigger, p99, ms', metrics.producerSlowest),
          graph('Duration of the consumer, p99, ms', metrics.consumerSlowest),
          ...(props.attaches ? [attached(props.named(WIRING_FUNCTION))] : []),
        ],
      ],
    });
  }

  /** The alarm about a silent trigger is missing: it is not in every deployment, and a dashboard cannot have conditions. */
  private states(sections: readonly string[], { named }: DashboardProps): IWidget {
    // By their names: what is not in this stack, or made after the dashboard, has no reference.
    const known = sections.map((section) => Alarm.fromAlarmName(this, section, named(section)));
    return new AlarmStatusWidget({ title: 'Alarms', alarms: known, width: WIDE, height: 4 });
  }
}

function graph(title: string, ...left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, ...GRAPH });
}

/** People that Cognito counts and calls that we get: where the lines part, the pool has lost the trigger, or people do not confirm. */
function signUps({ userPoolId, metrics }: DashboardProps): GraphWidget {
  if (userPoolId === undefined) return graph('Calls of the trigger', metrics.producerCalls);
  // Cognito counts for each client, and "Admin" is one of them.
  const counted = found('Sign-ups that Cognito counts', 'SUM', 'AWS/Cognito,UserPool,UserPoolClient', `MetricName="SignUpSuccesses" UserPool="${userPoolId}"`, 'Sum', PERIOD);
  return graph('Sign-ups that Cognito counts, and calls of the trigger', counted, metrics.producerCalls);
}

function attached(wiring: string): GraphWidget {
  const least = found('Triggers attached', 'MIN', 'rollcall,FunctionName,UserPool', `MetricName="${TRIGGERS_ATTACHED}" FunctionName="${wiring}"`, 'Minimum', CHECK.every);
  return graph('Whether the pool calls our functions: 1, or 0 when a trigger is lost', least);
}

/** One line of all metrics that a search finds: a dashboard may search, other than an alarm. */
function found(label: string, together: 'SUM' | 'MIN', schema: string, terms: string, statistic: string, period: Duration): IMetric {
  const search = `SEARCH('{${schema}} ${terms}', '${statistic}', ${period.toSeconds()})`;
  return new MathExpression({ label, expression: `${together}(${search})`, period });
}

/** Links to what to do, in the order of the alarms. */
function sections(runbook: string, alarms: readonly string[]): IWidget {
  const links = alarms.map((section) => `[${section.replaceAll('-', ' ')}](${runbook}#${section})`);
  return new TextWidget({ markdown: `**What to do when an alarm goes off**: ${links.join(' · ')}`, width: WIDE, height: 2 });
}
