import type { CustomResource } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { CfnPermission, type Function } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type AlarmNaming, alarm } from './alarms';
import { CHECK } from './limits';
import { triggersAttached } from './metrics';

export interface TriggerCheckProps extends AlarmNaming {
  readonly userPoolId: string;
  /** The custom resource that attaches the triggers, and its function, which checks them too. */
  readonly wiring: { readonly resource: CustomResource; readonly lambda: Function };
  /** The scheduled event, as the function's variable holds it: the function skips any other. */
  readonly event: string;
}

/** The section of the runbook about triggers that are gone. */
export const LOST_TRIGGERS = 'lost-triggers';

/** Has the wiring's function look every quarter of an hour whether the pool still calls our functions, and tells when it does not. */
export class TriggerCheck extends Construct {
  /** The alarm, which the pool's first call of us must find in place. */
  readonly alarm: Alarm;

  constructor(scope: Construct, id: string, props: TriggerCheckProps) {
    super(scope, id);
    const { lambda, resource } = props.wiring;
    const schedule = new CfnRule(this, 'Schedule', {
      name: props.named('trigger-check'),
      description: "Has the wiring check the user pool's triggers.",
      scheduleExpression: `rate(${CHECK.every.toMinutes()} minutes)`,
      targets: [
        {
          id: 'Wiring',
          arn: lambda.functionArn,
          input: props.event,
          // The next check says more than a late one.
          retryPolicy: { maximumEventAgeInSeconds: CHECK.late.toSeconds(), maximumRetryAttempts: 0 },
        },
      ],
    });
    // Made when the triggers are attached, and gone before they are detached.
    schedule.node.addDependency(resource);
    new CfnPermission(this, 'MayCall', {
      action: 'lambda:InvokeFunction',
      functionName: lambda.functionArn,
      principal: 'events.amazonaws.com',
      sourceArn: schedule.attrArn,
    });
    this.alarm = alarm(
      this,
      {
        id: 'Alarm',
        metric: triggersAttached(lambda.functionName, props.userPoolId),
        below: 1,
        // A check is left out while a deployment is under way, and the one after it counts.
        periods: [1, 2],
        noData: 'unknown',
        what: "The pool no longer calls rollcall's functions, or the check has stopped. Confirmed users may get no row.",
        section: LOST_TRIGGERS,
      },
      props,
    );
  }
}
