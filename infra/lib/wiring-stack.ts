import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { alarmTopic, namePrefix } from './parameters.ts';
import { type Attachment, PoolConnection } from './pool-connection.ts';
import type { Triggers } from './pool-permissions.ts';

export interface WiringStackProps extends StackProps {
  readonly userPoolId: string;
  readonly clientId: string;
  readonly triggers: Triggers;
  readonly attachment: Attachment;
}

/**
 * Attaches the pipeline's functions to a pool of another stack of this app.
 * Apart from both, because it needs both: neither has to know the other, and each can be deployed alone.
 */
export class WiringStack extends Stack {
  constructor(scope: Construct, id: string, props: WiringStackProps) {
    super(scope, id, props);
    const prefix = namePrefix(this);
    new PoolConnection(this, 'Rollcall', {
      userPoolId: props.userPoolId,
      previous: undefined,
      client: { id: props.clientId },
      triggers: props.triggers,
      attachment: props.attachment,
      topic: alarmTopic(this),
      named: (part) => `${prefix}-${part}`,
    });
  }
}
