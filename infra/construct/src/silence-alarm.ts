import type { CfnCondition } from 'aws-cdk-lib';
import { type Alarm, type CfnAlarm, MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type AlarmNaming, alarm } from './alarms';
import { SILENCE } from './limits';

export interface SilenceAlarmProps extends AlarmNaming {
  readonly userPoolId: string;
  /** The app client that people sign up with: Cognito counts sign-ups for each of them, and an alarm cannot search. */
  readonly clientId: string;
  readonly producer: Function;
}

/**
 * Wakes somebody when people sign up and the trigger is never called: the pool has lost it, as it does when its own stack is updated.
 * Source: "User pool metrics in CloudWatch" in the Amazon Cognito developer guide: the dimensions of `SignUpSuccesses` are pool and client.
 */
export class SilenceAlarm extends Construct {
  readonly alarm: Alarm;

  constructor(scope: Construct, id: string, props: SilenceAlarmProps, onlyIf?: CfnCondition) {
    super(scope, id);
    const period = SILENCE.period;
    const signUps = new Metric({
      namespace: 'AWS/Cognito',
      metricName: 'SignUpSuccesses',
      dimensionsMap: { UserPool: props.userPoolId, UserPoolClient: props.clientId },
      statistic: Stats.SUM,
      period,
    });
    const calls = props.producer.metricInvocations({ statistic: Stats.SUM, period });
    this.alarm = alarm(
      this,
      {
        id: 'Alarm',
        metric: new MathExpression({
          // Without invocations there is no data point at all.
          expression: `IF(FILL(signUps, 0) >= ${SILENCE.signUps} AND FILL(calls, 0) < 1, 1, 0)`,
          usingMetrics: { signUps, calls },
          label: 'People sign up and the trigger is not called',
          period,
        }),
        above: 0,
        periods: [1, 1],
        what: 'People sign up and the trigger is never called: the pool has lost it.',
        section: 'silent-trigger',
      },
      props,
    );
    if (onlyIf) (this.alarm.node.defaultChild as CfnAlarm).cfnOptions.condition = onlyIf;
  }
}
