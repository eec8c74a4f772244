import { createHash } from 'node:crypto';
import { CfnOutput, Duration, Lazy, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { AccountRecovery, type CfnUserPool, FeaturePlan, Mfa, UserPool, type UserPoolClient } from 'aws-cdk-lib/aws-cognito';
import type { Construct, IConstruct } from 'constructs';
import { ACKNOWLEDGED } from './acknowledged.ts';
import { alarmTopic, namePrefix } from './parameters.ts';
import { PoolConnection } from './pool-connection.ts';
import type { Triggers } from './pool-permissions.ts';

export interface AuthStackProps extends StackProps {
  /** Functions that the pool's own template names as its triggers; nothing when they are attached from outside. */
  readonly triggers: Triggers | undefined;
}

/**
 * An example of a user pool that works well with rollcall, and the app client that people sign up with.
 * Copy it, or use your own pool.
 */
export class AuthStack extends Stack {
  readonly userPoolId: string;
  readonly clientId: string;
  private readonly pool: CfnUserPool;

  constructor(scope: Construct, id: string, props: AuthStackProps) {
    super(scope, id, props);
    const pool = userPool(this);
    const client = appClient(pool);
    this.pool = pool.node.defaultChild as CfnUserPool;
    this.userPoolId = pool.userPoolId;
    this.clientId = client.userPoolClientId;
    if (props.triggers) client.node.addDependency(this.callNatively(props.triggers));
    new CfnOutput(this, 'UserPoolId', { value: this.userPoolId, description: 'The pool.' });
    new CfnOutput(this, 'UserPoolClientId', { value: this.clientId, description: 'The client that the app signs people up with.' });
  }

  /**
   * Changes exactly when the pool's part of the template does, by whatever it was changed: then CloudFormation updates the pool, and may clear triggers that it does not know.
   */
  get poolDefinition(): string {
    return Lazy.string({
      // At the very end, when tags and aspects have been applied.
      produce: () => createHash('sha256').update(JSON.stringify(this.resolve(templateOf(this.pool)))).digest('hex'),
    });
  }

  /**
   * The triggers in the pool's own template, where no update can clear them.
   * The permissions name the pool and so come after it: what people sign up through must wait for them.
   */
  private callNatively(triggers: Triggers): IConstruct {
    const prefix = namePrefix(this);
    this.pool.lambdaConfig = {
      postConfirmation: triggers.PostConfirmation.functionArn,
      ...(triggers.PreSignUp ? { preSignUp: triggers.PreSignUp.functionArn } : {}),
      ...(triggers.PostAuthentication ? { postAuthentication: triggers.PostAuthentication.functionArn } : {}),
    };
    const connection = new PoolConnection(this, 'Rollcall', {
      userPoolId: this.userPoolId,
      previous: undefined,
      client: { id: this.clientId },
      triggers,
      attachment: undefined,
      topic: alarmTopic(this),
      named: (part) => `${prefix}-${part}`,
    });
    return connection.mayCall;
  }
}

/** What the CDK writes into the template for one resource; the method is not in its declarations. */
function templateOf(resource: CfnUserPool): unknown {
  return (resource as unknown as { _toCloudFormation(): unknown })._toCloudFormation();
}

function userPool(scope: Construct): UserPool {
  const optional = { required: false, mutable: true };
  const pool = new UserPool(scope, 'Users', {
    selfSignUpEnabled: true,
    signInAliases: { email: true },
    autoVerify: { email: true },
    // A changed address must be confirmed before it replaces the old one.
    keepOriginal: { email: true },
    standardAttributes: { email: { required: true, mutable: true }, givenName: optional, familyName: optional },
    passwordPolicy: {
      minLength: 12,
      requireDigits: true,
      requireLowercase: true,
      requireSymbols: true,
      requireUppercase: true,
      tempPasswordValidity: Duration.days(3),
    },
    mfa: Mfa.OPTIONAL,
    mfaSecondFactor: { otp: true, sms: false },
    accountRecovery: AccountRecovery.EMAIL_ONLY,
    featurePlan: FeaturePlan.ESSENTIALS,
    // Users are what nobody can make again.
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  Validations.of(pool).acknowledge(ACKNOWLEDGED.optionalMfa, ACKNOWLEDGED.essentialsPlan);
  return pool;
}

function appClient(pool: UserPool): UserPoolClient {
  return pool.addClient('App', {
    authFlows: { userSrp: true },
    disableOAuth: true,
    // A browser cannot keep one.
    generateSecret: false,
    preventUserExistenceErrors: true,
  });
}
