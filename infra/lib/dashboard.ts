import { Dashboard, GraphWidget, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Metrics } from './metrics.ts';

/** Widgets of a row; a dashboard is 24 units wide. */
const WIDTH = 8;

/** One page that answers: do people sign up, do they become rows, how long does it take, and what is stuck? */
export class PipelineDashboard extends Construct {
  constructor(scope: Construct, id: string, { name, metrics }: { readonly name: string; readonly metrics: Metrics }) {
    super(scope, id);
    const graph = (title: string, ...left: IMetric[]) => new GraphWidget({ title, left, width: WIDTH });
    new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      widgets: [
        [
          graph('Sign-ups published, and those that nobody took', metrics.published, metrics.unpublished),
          graph('Rows inserted, duplicates, retries, rejected by an unfit table', metrics.inserted, metrics.duplicates, metrics.retried, metrics.tableUnfit),
          graph('From the confirmation to the row, ms', ...metrics.signUpToRow),
        ],
        [
          graph('Messages waiting and in work', metrics.queueDepth, metrics.inFlight),
          graph('Age of the oldest message, s', metrics.oldestMessage),
          graph('Dead letters', metrics.deadLetters, metrics.undelivered),
        ],
        [
          graph('Errors', metrics.producerErrors, metrics.consumerErrors),
          graph('Throttles', metrics.producerThrottles, metrics.consumerThrottles),
          graph('The trigger, p99, ms', metrics.producerSlowest),
        ],
      ],
    });
  }
}
