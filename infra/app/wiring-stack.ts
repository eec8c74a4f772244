import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { PoolConnection } from '../construct/src/pool-connection.ts';
import type { Triggers } from '../construct/src/pool-permissions.ts';
import { type AttachmentProps, declareAttachment } from './attachment.ts';
import { alarmTopicArn, namePrefix } from './parameters.ts';

export interface WiringStackProps extends StackProps, AttachmentProps {
  /** What physical names begin with, unless the deployment says otherwise. */
  readonly name: string;
  readonly clientId: string;
  readonly triggers: Triggers;
}

/**
 * Attaches the pipeline's functions to a pool of another stack of this app.
 * Apart from both, because it needs both: neither has to know the other, and each can be deployed alone.
 */
export class WiringStack extends Stack {
  constructor(scope: Construct, id: string, props: WiringStackProps) {
    super(scope, id, props);
    const prefix = namePrefix(this, props.name);
    new PoolConnection(this, 'Rollcall', {
      userPoolId: props.userPoolId,
      previous: undefined,
      client: { id: props.clientId },
      triggers: props.triggers,
      attachment: declareAttachment(this, props),
      topicArn: alarmTopicArn(this),
      named: (part) => `${prefix}-${part}`,
    });
  }
}
