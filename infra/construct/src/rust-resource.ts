import { CustomResource, Duration, Stack } from 'aws-cdk-lib';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { RustFunction, type RustFunctionProps } from './rust-function';

export interface RustResourceProps extends Omit<RustFunctionProps, 'timeout' | 'memoryMiB'> {
  readonly limits: {
    readonly timeoutSeconds: number;
    /** What CloudFormation waits beyond that, should the function not even start. */
    readonly graceSeconds: number;
    readonly memoryMiB: number;
  };
  /** `Custom::…`. */
  readonly type: string;
  /** CloudFormation runs a custom resource again only when one of them has changed. */
  readonly properties: Record<string, unknown>;
}

/** A custom resource and its function, which answers CloudFormation whatever happens: `libs/custom-resource`. */
export class RustResource extends Construct {
  readonly resource: CustomResource;
  readonly lambda: Function;

  constructor(scope: Construct, id: string, { limits, type, properties, ...about }: RustResourceProps) {
    super(scope, id);
    const { timeoutSeconds, graceSeconds, memoryMiB } = limits;
    const { lambda } = new RustFunction(this, 'Function', {
      ...about,
      timeout: Duration.seconds(timeoutSeconds),
      memoryMiB,
      // Whether an Update is a deployment or the way back from one, CloudFormation says only when it is asked.
      may: [{ actions: ['cloudformation:DescribeStacks'], on: Stack.of(this).stackId }, ...about.may],
    });
    // What begins later than the grace would end when CloudFormation has given up, and do what it has taken back.
    lambda.configureAsyncInvoke({ maxEventAge: Duration.seconds(graceSeconds), retryAttempts: 0 });
    this.lambda = lambda;
    this.resource = new CustomResource(this, 'Resource', {
      resourceType: type,
      serviceToken: lambda.functionArn,
      // Longer than the function may run, so that a function that does not even start fails the deployment in minutes.
      serviceTimeout: Duration.seconds(timeoutSeconds + graceSeconds),
      properties,
    });
    // When it is called, how long it may wait is settled.
    this.resource.node.addDependency(lambda);
  }
}
