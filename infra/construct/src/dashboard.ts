import { Dashboard, GraphWidget, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Metrics } from './metrics';

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
          graph('Calls of the trigger, and events that were published, that nobody took, that could not be read', metrics.producerCalls, metrics.published, metrics.unpublished, metrics.unusable),
          graph('Rows inserted, duplicates, retries, poison', metrics.inserted, metrics.duplicates, metrics.retried, metrics.poison),
          graph('From the confirmation to the row, ms', ...metrics.signUpToRow),
        ],
        [
          graph('Messages waiting, in work or hidden, and deleted', metrics.queueDepth, metrics.inFlight, metrics.deleted),
          graph('Age of the oldest message, s; without those that were received three times', metrics.oldestMessage),
          graph('Dead letters', metrics.deadLetters, metrics.undelivered),
        ],
        [
          graph('Errors, rows that the table rejects, attributes that were dropped', metrics.producerErrors, metrics.consumerErrors, metrics.tableUnfit, metrics.attributeDropped),
          graph('Throttles', metrics.producerThrottles, metrics.consumerThrottles),
          graph('The trigger, p99, ms', metrics.producerSlowest),
        ],
      ],
    });
  }
}
