import { type Duration, type IResolvable, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type CfnFunction, Function, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ACKNOWLEDGED } from './acknowledged';
import { LOG_RETENTION } from './limits';
import type { FunctionName, Packages } from './packages';
import type { Permission } from './permission';
import type { Subnets } from './subnets';

/**
 * Instances that Lambda keeps free for a function, which is also the most that it runs. It may be a condition of the template.
 * Without a number, the function shares the account's with every other one.
 */
export type Reserved = number | IResolvable | undefined;

/** What is reserved for the functions of a pipeline. */
export interface ReservedConcurrency {
  readonly producer: Reserved;
  readonly preSignUp: Reserved;
  readonly consumer: Reserved;
}

export interface RustFunctionProps {
  readonly name: string;
  readonly description: string;
  readonly packages: Packages;
  /** Which of the packages it is. */
  readonly code: FunctionName;
  readonly timeout: Duration;
  readonly memoryMiB: number;
  readonly environment: Record<string, string>;
  /** A key of yours for the environment; without one, AWS's own encrypts it. */
  readonly environmentKey?: IKey | undefined;
  /** All that the function may do, besides writing to its own log group and its traces. */
  readonly may: Permission[];
  /** Subnets to put the function into, if any. */
  readonly subnets?: Subnets | undefined;
  readonly reserved?: Reserved;
}

/** A Rust binary as a Lambda function, with a log group and a role of its own. */
export class RustFunction extends Construct {
  readonly lambda: Function;

  constructor(scope: Construct, id: string, props: RustFunctionProps) {
    super(scope, id);

    // Ours rather than the one Lambda makes at the first invocation: that one keeps everything for ever.
    // It goes with the stack, because a leftover group of the same name makes the next deployment fail.
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${props.name}`,
      retention: LOG_RETENTION,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    // Written by hand, because the role that the CDK would make carries a managed policy that may write every log group.
    // Unnamed, because role names are one space for all Regions of an account.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const writeLogs = { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], on: logGroup.logGroupArn };
    // Lambda makes the role a grant when the function is made, if whoever deploys may make grants; otherwise the role needs this.
    const readEnvironment = props.environmentKey ? [{ actions: ['kms:Decrypt'], on: props.environmentKey.keyArn }] : [];
    const all: Permission[] = [writeLogs, ...readEnvironment, ...props.may, ...(props.subnets?.may ?? [])];
    for (const { actions, on, when } of all) {
      role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions, resources: [on], ...(when ? { conditions: when } : {}) }));
    }

    Validations.of(role).acknowledge(ACKNOWLEDGED.everyResource);
    this.lambda = new Function(this, 'Function', {
      functionName: props.name,
      description: props.description,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.packages.architecture,
      handler: 'bootstrap',
      code: props.packages.codeOf(this, props.code),
      timeout: props.timeout,
      memorySize: props.memoryMiB,
      environment: props.environment,
      ...(props.environmentKey ? { environmentEncryption: props.environmentKey } : {}),
      role,
      logGroup,
      // Adds its two permissions to the role; X-Ray knows no resources to limit them to.
      tracing: Tracing.ACTIVE,
    });
    const resource = this.lambda.node.defaultChild as CfnFunction;
    // By hand, because the CDK's own takes no condition.
    if (props.reserved !== undefined) resource.addPropertyOverride('ReservedConcurrentExecutions', props.reserved);
    if (props.subnets) {
      const { subnetIds, securityGroupIds } = props.subnets;
      // By hand, because the CDK's own wants the VPC itself, and only its subnets are known here.
      resource.vpcConfig = { subnetIds, securityGroupIds };
      if (props.subnets.wayOut) this.lambda.node.addDependency(props.subnets.wayOut);
    }
  }
}
