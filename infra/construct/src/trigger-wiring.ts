import { type CfnCondition, type CustomResource, Fn, Stack } from 'aws-cdk-lib';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { WIRING } from './limits';
import type { Packages } from './packages';
import type { Permission } from './permission';
import type { PreviousPool, Triggers } from './pool-permissions';
import { RustResource } from './rust-resource';

/** What its function's name ends with, in whichever stack it is. */
export const WIRING_FUNCTION = 'trigger-wiring';

/** How triggers are attached from outside. */
export interface Attachment {
  readonly packages: Packages;
  /** CloudFormation runs a custom resource again only when one of its properties has changed: another text attaches the triggers again. */
  readonly poolDefinition: string;
  /** `true` replaces a trigger that calls somebody else's function; `false` refuses the deployment with its name. */
  readonly force: string;
  /** The pool's role for text messages, and the key of its custom senders: an update of a pool names both again, and Cognito asks whether the caller may. */
  readonly smsRoleArn: string | undefined;
  readonly senderKeyArn: string | undefined;
  /** Whether the scheduled check attaches what is missing. */
  readonly heal: boolean;
}

export interface TriggerWiringProps extends Attachment {
  /** The custom resource's own function. */
  readonly name: string;
  readonly poolArn: string;
  readonly userPoolId: string;
  /** The pool that is left, which must be detached with the policy of this deployment. */
  readonly previous: (PreviousPool & { readonly arn: string }) | undefined;
  readonly triggers: Triggers;
}

/**
 * Attaches triggers to a pool that another stack or team owns, and changes nothing else in it.
 * The custom resource is `infra/trigger-wiring`; what its properties mean stands in the documentation of that crate.
 */
export class TriggerWiring extends Construct {
  readonly resource: CustomResource;
  readonly lambda: Function;
  /** What the schedule hands to the function, as JSON. */
  readonly scheduledEvent: string;

  constructor(scope: Construct, id: string, props: TriggerWiringProps) {
    super(scope, id);
    const attached = functionArns(props.triggers);
    const about = { StackId: Stack.of(this).stackId, UserPoolId: props.userPoolId };
    this.scheduledEvent = Stack.of(this).toJsonString({ AttachmentCheck: { ...about, ...attached, Heal: props.heal ? 'yes' : 'no' } });
    const wiring = new RustResource(this, 'Wiring', {
      name: props.name,
      description: "Attaches rollcall's triggers to the user pool.",
      packages: props.packages,
      code: 'trigger-wiring',
      limits: WIRING,
      // A deployment changes the function before it attaches, and the schedule after that: in between, no event fits.
      environment: { ATTACHMENT_CHECK: this.scheduledEvent },
      may: [
        { actions: CHANGES, on: props.poolArn },
        // CloudFormation replaces this policy before it cleans up what was attached to the pool before.
        ...(props.previous ? [{ actions: CHANGES, on: eitherOr(props.previous.isGiven, props.previous.arn, props.poolArn) }] : []),
        ...namedAgain(props),
      ],
      type: 'Custom::CognitoTriggers',
      properties: {
        UserPoolId: props.userPoolId,
        ...(props.previous ? { PreviousUserPoolId: props.previous.id } : {}),
        PoolDefinition: props.poolDefinition,
        Force: props.force,
        ...attached,
      },
    });
    this.resource = wiring.resource;
    this.lambda = wiring.lambda;
  }
}

/** Which function each trigger calls, without those that call none. */
function functionArns({ PostConfirmation, PreSignUp, PostAuthentication }: Triggers): Record<string, string> {
  return {
    PostConfirmation: PostConfirmation.functionArn,
    ...(PreSignUp ? { PreSignUp: PreSignUp.functionArn } : {}),
    ...(PostAuthentication ? { PostAuthentication: PostAuthentication.functionArn } : {}),
  };
}

const CHANGES = ['cognito-idp:DescribeUserPool', 'cognito-idp:GetUserPoolMfaConfig', 'cognito-idp:UpdateUserPool'];

function eitherOr(isGiven: CfnCondition | undefined, given: string, otherwise: string): string {
  return isGiven ? Fn.conditionIf(isGiven.logicalId, given, otherwise).toString() : given;
}

function namedAgain({ smsRoleArn, senderKeyArn }: Attachment): Permission[] {
  // To nobody but Cognito.
  const when = { StringEquals: { 'iam:PassedToService': 'cognito-idp.amazonaws.com' } };
  return [
    ...(smsRoleArn === undefined ? [] : [{ actions: ['iam:PassRole'], on: smsRoleArn, when }]),
    ...(senderKeyArn === undefined ? [] : [{ actions: ['kms:CreateGrant'], on: senderKeyArn }]),
  ];
}
