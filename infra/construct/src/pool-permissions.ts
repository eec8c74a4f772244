import { type CfnCondition, Stack } from 'aws-cdk-lib';
import { CfnPermission, type Function } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

/** The functions that a pool calls, by the names that Cognito gives its triggers. */
export interface Triggers {
  readonly PostConfirmation: Function;
  readonly PreSignUp: Function | undefined;
  /** The same function as `PostConfirmation`, which publishes the same event. */
  readonly PostAuthentication: Function | undefined;
}

/** The pool before this one, in the deployment that moves from one to the other. */
export interface PreviousPool {
  readonly id: string;
  /** Without it, every deployment of the template moves. */
  readonly isGiven?: CfnCondition;
}

export function poolArn(stack: Stack, userPoolId: string): string {
  return stack.formatArn({ service: 'cognito-idp', resource: 'userpool', resourceName: userPoolId });
}

/** Only this pool, of this account, may call the functions. */
export class PoolPermissions extends Construct {
  readonly poolArn: string;

  constructor(scope: Construct, id: string, props: { readonly userPoolId: string; readonly triggers: Triggers }, onlyIf?: CfnCondition) {
    super(scope, id);
    const { account } = Stack.of(this);
    this.poolArn = poolArn(Stack.of(this), props.userPoolId);
    const permitted = new Set<Function>();
    for (const [trigger, lambda] of Object.entries(props.triggers)) {
      // A permission is about pool and function, whatever trigger calls it.
      if (lambda === undefined || permitted.has(lambda)) continue;
      permitted.add(lambda);
      const permission = new CfnPermission(this, trigger, {
        action: 'lambda:InvokeFunction',
        functionName: lambda.functionArn,
        principal: 'cognito-idp.amazonaws.com',
        sourceArn: this.poolArn,
        sourceAccount: account,
      });
      if (onlyIf) permission.cfnOptions.condition = onlyIf;
    }
  }
}
