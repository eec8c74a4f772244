import { type CfnCondition, CfnResource, Fn } from 'aws-cdk-lib';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** Who replays and repairs. */
export interface Operators {
  /** ARNs of roles, separated by commas; `*` stands for any text. */
  readonly roleArns: string;
  /** Without it, what is denied is denied always. */
  readonly areGiven?: CfnCondition;
}

export interface SendersProps {
  readonly bus: IEventBus;
  readonly producer: Function;
  /** Each queue with the function that sends to it itself; EventBridge, which does as well, is a service. */
  readonly queues: readonly { readonly queue: Queue; readonly sender: Function | undefined }[];
  readonly operators: Operators;
}

/**
 * Denies sending to everybody but our functions and the operators, whom the deployment names.
 *
 * Otherwise whoever the account lets put events anywhere, or send to any queue, can make rows: a permission on `*` is common.
 */
export class Senders extends Construct {
  constructor(scope: Construct, id: string, { bus, producer, queues, operators: { roleArns, areGiven } }: SendersProps) {
    super(scope, id);
    for (const { queue, sender } of queues) {
      const statement = deny('sqs:SendMessage', queue.queueArn, sender, roleArns);
      queue.addToResourcePolicy(areGiven ? new OnlyIf(areGiven, statement) : statement);
    }
    // Not the CDK's own class: whoever reads all its properties, as cdk-nag does, is warned of deprecated ones.
    const policy = new CfnResource(this, 'Bus', {
      type: 'AWS::Events::EventBusPolicy',
      properties: {
        EventBusName: bus.eventBusName,
        StatementId: 'OnlyOursAndOperators',
        Statement: deny('events:PutEvents', bus.eventBusArn, producer, roleArns).toStatementJson(),
      },
    });
    if (areGiven) policy.cfnOptions.condition = areGiven;
  }
}

/**
 * A service of AWS has no `aws:PrincipalArn`, which a condition that negates takes for another one:
 * without the second key, EventBridge itself could deliver nothing.
 */
function deny(action: string, on: string, sender: Function | undefined, operators: string): PolicyStatement {
  const { role }: { role?: IRole | undefined } = sender ?? {};
  const exempt = role ? Fn.join(',', [role.roleArn, operators]) : operators;
  return new PolicyStatement({
    sid: 'OnlyOursAndOperators',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [action],
    resources: [on],
    conditions: {
      ArnNotLike: { 'aws:PrincipalArn': Fn.split(',', exempt) },
      BoolIfExists: { 'aws:PrincipalIsAWSService': 'false' },
    },
  });
}

/** A statement that is there only under a condition: a queue has one policy, so the policy itself cannot be conditional. */
class OnlyIf extends PolicyStatement {
  private readonly isGiven: CfnCondition;

  constructor(isGiven: CfnCondition, statement: PolicyStatement) {
    super(PolicyStatement.fromJson(statement.toStatementJson()));
    this.isGiven = isGiven;
  }

  override toStatementJson(): unknown {
    return { 'Fn::If': [this.isGiven.logicalId, super.toStatementJson(), { Ref: 'AWS::NoValue' }] };
  }
}
