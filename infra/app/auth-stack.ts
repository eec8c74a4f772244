import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { AccountRecovery, type CfnUserPool, FeaturePlan, Mfa, UserPool, type UserPoolClient } from 'aws-cdk-lib/aws-cognito';
import type { Construct, IConstruct } from 'constructs';
import { ACKNOWLEDGED } from '../construct/src/acknowledged.ts';
import { poolDefinition } from '../construct/src/pool-definition.ts';
import { PoolConnection } from '../construct/src/pool-connection.ts';
import type { Triggers } from '../construct/src/pool-permissions.ts';
import { alarmTopicArn, namePrefix } from './parameters.ts';

export interface AuthStackProps extends StackProps {
  /** Functions that the pool's own template names as its triggers; nothing when they are attached from outside. */
  readonly triggers: Triggers | undefined;
  /** What physical names begin with, unless the deployment says otherwise. */
  readonly name: string;
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
    if (props.triggers) client.node.addDependency(this.callNatively(props.triggers, props.name));
    new CfnOutput(this, 'UserPoolId', { value: this.userPoolId, description: 'The pool.' });
    new CfnOutput(this, 'UserPoolClientId', { value: this.clientId, description: 'The client that the app signs people up with.' });
  }

  get poolDefinition(): string {
    return poolDefinition(this.pool);
  }

  /**
   * The triggers in the pool's own template, where no update can clear them.
   * The permissions name the pool and so come after it: what people sign up through must wait for them.
   */
  private callNatively(triggers: Triggers, name: string): IConstruct {
    const prefix = namePrefix(this, name);
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
      topicArn: alarmTopicArn(this),
      named: (part) => `${prefix}-${part}`,
    });
    return connection.mayCall;
  }
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
