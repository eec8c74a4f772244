import { type CfnCondition, CfnParameter, type CustomResource, Fn, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { WIRING } from './limits.ts';
import type { Packages } from './packages.ts';
import { arnUnless, type PreviousPool } from './parameters.ts';
import type { Triggers } from './pool-permissions.ts';
import type { Permission } from './rust-function.ts';
import { RustResource } from './rust-resource.ts';

export interface TriggerWiringProps {
  /** The custom resource's own function. */
  readonly name: string;
  readonly packages: Packages;
  readonly poolArn: string;
  readonly userPoolId: string;
  /** The pool that is left, which must be detached with the policy of this deployment. */
  readonly previous: (PreviousPool & { readonly arn: string }) | undefined;
  /** Changes when the pool's own template does, which may clear triggers that it does not know; nothing when that template is not ours. */
  readonly poolDefinition: string | undefined;
  readonly triggers: Triggers;
}

/**
 * Attaches triggers to a pool that another stack or team owns, and changes nothing else in it.
 * The custom resource is `infra/trigger-wiring`; what its properties mean stands in the documentation of that crate.
 */
export class TriggerWiring extends Construct {
  readonly resource: CustomResource;

  constructor(scope: Construct, id: string, props: TriggerWiringProps) {
    super(scope, id);
    const wiring = new RustResource(this, 'Wiring', {
      name: props.name,
      description: "Attaches rollcall's triggers to the user pool.",
      packages: props.packages,
      code: 'trigger-wiring',
      limits: WIRING,
      environment: {},
      may: [
        { actions: CHANGES, on: props.poolArn },
        // CloudFormation replaces this policy before it cleans up what was attached to the pool before.
        ...(props.previous ? [{ actions: CHANGES, on: eitherOr(props.previous.isGiven, props.previous.arn, props.poolArn) }] : []),
        ...namedAgain(Stack.of(this), props.poolArn),
      ],
      type: 'Custom::CognitoTriggers',
      properties: {
        UserPoolId: props.userPoolId,
        ...(props.previous ? { PreviousUserPoolId: props.previous.id } : {}),
        PoolDefinition: poolDefinition(Stack.of(this), props.poolDefinition),
        Force: force(Stack.of(this)),
        PostConfirmation: props.triggers.PostConfirmation.functionArn,
        ...(props.triggers.PreSignUp ? { PreSignUp: props.triggers.PreSignUp.functionArn } : {}),
        ...(props.triggers.PostAuthentication ? { PostAuthentication: props.triggers.PostAuthentication.functionArn } : {}),
      },
    });
    this.resource = wiring.resource;
  }
}

const CHANGES = ['cognito-idp:DescribeUserPool', 'cognito-idp:GetUserPoolMfaConfig', 'cognito-idp:UpdateUserPool'];

function eitherOr(isGiven: CfnCondition, given: string, otherwise: string): string {
  return Fn.conditionIf(isGiven.logicalId, given, otherwise).toString();
}

/** An update of a pool names its role and its key again, and Cognito asks whether the caller may. */
function namedAgain(stack: Stack, poolArn: string): Permission[] {
  const parameter = (id: string, services: string, description: string) => arnUnless(poolArn, stack, id, { description, services });
  return [
    {
      actions: ['iam:PassRole'],
      on: parameter('PoolSmsRoleArn', 'iam', "The pool's role for text messages, if it has one. The wiring needs iam:PassRole on it."),
      // To nobody but Cognito.
      when: { StringEquals: { 'iam:PassedToService': 'cognito-idp.amazonaws.com' } },
    },
    {
      actions: ['kms:CreateGrant'],
      on: parameter('PoolSenderKeyArn', 'kms', "The key of the pool's custom senders, if it has any. The wiring needs kms:CreateGrant on it."),
    },
  ];
}

/**
 * CloudFormation runs a custom resource again only when one of its properties has changed.
 * Whatever else has cleared the triggers, a person can change the parameter.
 */
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
