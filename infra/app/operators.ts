import { CfnCondition, CfnParameter, Fn, type Stack } from 'aws-cdk-lib';
import { ROLE_ARN } from '../construct/src/limits.ts';
import type { Operators } from '../construct/src/senders.ts';

/** Declares the parameter that names who replays and repairs. */
export function declareOperators(stack: Stack): Operators {
  const id = 'OperatorRoleArns';
  const roleArns = new CfnParameter(stack, id, {
    type: 'String',
    default: '',
    description: 'The roles of those who replay and repair, separated by commas; * stands for any text. With it, bus and queues deny sending to everybody else in the account.',
    allowedPattern: `(${ROLE_ARN}(,${ROLE_ARN})*)?`,
    constraintDescription: 'Give ARNs of IAM roles, separated by commas, without blanks.',
  }).valueAsString;
  const areGiven = new CfnCondition(stack, `${id}IsGiven`, { expression: Fn.conditionNot(Fn.conditionEquals(roleArns, '')) });
  return { roleArns, areGiven };
}
