import type { CfnCondition } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct, type IConstruct } from 'constructs';
import type { AlarmNaming } from './alarms';
import { PoolPermissions, type PreviousPool, type Triggers } from './pool-permissions';
import { SilenceAlarm } from './silence-alarm';
import { TriggerCheck } from './trigger-check';
import { type Attachment, TriggerWiring, WIRING_FUNCTION } from './trigger-wiring';

export interface PoolConnectionProps extends AlarmNaming {
  readonly userPoolId: string;
  /** The pool that is left, if this deployment moves to another one; no pool of this app is. */
  readonly previous: PreviousPool | undefined;
  /** The app client that people sign up with; without one nobody notices that the trigger is silent. */
  readonly client: { readonly id: string; readonly isGiven?: CfnCondition } | undefined;
  readonly triggers: Triggers;
  /** Nothing when the pool's own template names the functions. */
  readonly attachment: Attachment | undefined;
}

/**
 * Everything that needs both the pool and the functions: permissions, triggers, their check, and the alarms that tell when they are gone.
 * It stands in the stack that may know both, so that no two stacks need each other.
 */
export class PoolConnection extends Construct {
  /** Nothing where nobody knows the client that people sign up with. */
  readonly silence: Alarm | undefined;
  /** Nothing where the triggers are not attached from outside. */
  readonly lost: Alarm | undefined;
  private readonly permissions: PoolPermissions;
  private readonly previous: PoolPermissions | undefined;

  constructor(scope: Construct, id: string, props: PoolConnectionProps) {
    super(scope, id);
    const { userPoolId, previous, client, triggers, attachment, topicArn } = props;
    const named = (part: string) => props.named(part);
    this.permissions = new PoolPermissions(this, 'UserPool', { userPoolId, triggers });
    this.previous = previous && new PoolPermissions(this, 'PreviousPool', { userPoolId: previous.id, triggers }, previous.isGiven);
    this.silence =
      client && new SilenceAlarm(this, 'Silence', { userPoolId, clientId: client.id, producer: triggers.PostConfirmation, topicArn, named }, client.isGiven).alarm;
    if (attachment === undefined) return;
    const wiring = new TriggerWiring(this, 'TriggerWiring', {
      name: named(WIRING_FUNCTION),
      poolArn: this.permissions.poolArn,
      userPoolId,
      previous: this.previous && previous && { ...previous, arn: this.previous.poolArn },
      triggers,
      ...attachment,
    });
    // Cognito may call each function before it is attached, and until it is detached.
    const check = new TriggerCheck(this, 'TriggerCheck', { wiring, userPoolId, event: wiring.scheduledEvent, topicArn, named });
    this.lost = check.alarm;
    wiring.resource.node.addDependency(this.permissions, check.alarm);
  }

  /**
   * Lets Cognito call the functions only when all of these are there, and until none of them is gone.
   * EventBridge accepts an event that no rule matches yet and drops it, so a pool that calls too early loses sign-ups.
   */
  comeAfter(constructs: IConstruct[]): void {
    for (const permissions of [this.permissions, this.previous]) permissions?.node.addDependency(...constructs);
  }

  /** For what must not be used before the pool may call its functions. */
  get mayCall(): IConstruct {
    return this.permissions;
  }
}
