import { CfnCondition, CfnParameter, Fn, type Stack } from 'aws-cdk-lib';
import type { Operators } from '../construct/src/senders.ts';

/** As `aws:PrincipalArn` is compared: the role, and not a session of it. Behind the account a part may be any text. */
const ROLE = 'arn:[\\w-]+:iam::\\d{12}:role/[\\w+=.@/*-]+';

/** Declares the parameter that names who replays and repairs. */
export function declareOperators(stack: Stack): Operators {
  const id = 'OperatorRoleArns';
  const roleArns = new CfnParameter(stack, id, {
    type: 'String',
    default: '',
    description: 'The roles of those who replay and repair, separated by commas; * stands for any text. With it, bus and queues deny sending to everybody else in the account.',
    allowedPattern: `(${ROLE}(,${ROLE})*)?`,
    constraintDescription: 'Give ARNs of IAM roles, separated by commas, without blanks.',
  }).valueAsString;
  const areGiven = new CfnCondition(stack, `${id}IsGiven`, { expression: Fn.conditionNot(Fn.conditionEquals(roleArns, '')) });
  return { roleArns, areGiven };
}
