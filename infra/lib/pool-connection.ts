import type { CfnCondition } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { AlarmNaming } from './alarms.ts';
import type { Packages } from './packages.ts';
import { PoolPermissions, type Triggers } from './pool-permissions.ts';
import { SilenceAlarm } from './silence-alarm.ts';
import { TriggerWiring } from './trigger-wiring.ts';

/** How triggers are attached from outside. */
export interface Attachment {
  readonly packages: Packages;
  readonly poolDefinition: string | undefined;
}

export interface PoolConnectionProps extends AlarmNaming {
  readonly userPoolId: string;
  readonly client: { readonly id: string; readonly isGiven?: CfnCondition };
  readonly triggers: Triggers;
  /** Nothing when the pool's own template names the functions. */
  readonly attachment: Attachment | undefined;
}

/**
 * Everything that needs both the pool and the functions: permissions, triggers, and the alarm that tells when they are gone.
 * It stands in the stack that may know both, so that no two stacks need each other.
 */
export class PoolConnection extends Construct {
  constructor(scope: Construct, id: string, props: PoolConnectionProps) {
    super(scope, id);
    const { userPoolId, client, triggers, attachment, topic } = props;
    const named = (part: string) => props.named(part);
    const permissions = new PoolPermissions(this, 'UserPool', { userPoolId, triggers });
    new SilenceAlarm(this, 'Silence', { userPoolId, clientId: client.id, producer: triggers.PostConfirmation, topic, named }, client.isGiven);
    if (attachment === undefined) return;
    const wiring = new TriggerWiring(this, 'TriggerWiring', {
      name: named('trigger-wiring'),
      poolArn: permissions.poolArn,
      userPoolId,
      triggers,
      ...attachment,
    });
    // Cognito may call each function before it is attached, and until it is detached.
    wiring.resource.node.addDependency(permissions);
  }
}
