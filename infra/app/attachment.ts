import { CfnParameter, type Stack } from 'aws-cdk-lib';
import type { Packages } from '../construct/src/packages.ts';
import { poolArn } from '../construct/src/pool-permissions.ts';
import type { Attachment } from '../construct/src/trigger-wiring.ts';
import type { Choice } from './input.ts';
import { arnUnless, KEY, ROLE } from './parameters.ts';

export interface AttachmentProps {
  readonly packages: Packages;
  readonly userPoolId: string;
  /** Changes when the pool's own template does, which may clear triggers that it does not know; nothing when that template is not ours. */
  readonly poolDefinition: string | undefined;
  readonly heal: Choice;
}

/** Declares the parameters of attaching triggers from outside. */
export function declareAttachment(stack: Stack, { packages, userPoolId, poolDefinition: known, heal }: AttachmentProps): Attachment {
  // Where no ARN is given, the permission is on the pool itself, where it permits nothing.
  const arn = (id: string, resource: string, description: string) => arnUnless(poolArn(stack, userPoolId), stack, id, { description, resource });
  return {
    packages,
    poolDefinition: poolDefinition(stack, known),
    force: force(stack),
    heal: heal === 'yes',
    smsRoleArn: arn('PoolSmsRoleArn', ROLE, "The pool's role for text messages, if it has one. The wiring needs iam:PassRole on it."),
    senderKeyArn: arn('PoolSenderKeyArn', KEY, "The key of the pool's custom senders, if it has any. The wiring needs kms:CreateGrant on it."),
  };
}

/** Whatever has cleared the triggers, a person can change the parameter. */
function poolDefinition(stack: Stack, known: string | undefined): string {
  const parameter = new CfnParameter(stack, 'PoolDefinition', {
    type: 'String',
    default: '1',
    description:
      "Any text: change it after something has cleared triggers attached from outside, such as a deployment of the pool's own stack, and they are attached again.",
  }).valueAsString;
  return known === undefined ? parameter : `${known} ${parameter}`;
}

function force(stack: Stack): string {
  return new CfnParameter(stack, 'ForceTriggers', {
    type: 'String',
    default: 'false',
    allowedValues: ['false', 'true'],
    description: "Whether a trigger of the pool that calls somebody else's function is replaced; otherwise it is refused with its name.",
  }).valueAsString;
}
