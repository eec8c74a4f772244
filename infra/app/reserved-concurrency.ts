import { CfnCondition, CfnParameter, Fn, type Stack } from 'aws-cdk-lib';
import type { Reserved, ReservedConcurrency } from '../construct/src/rust-function.ts';

const NONE = 'none';
const MAXIMUM = 'maximum';

/** Declares how many instances Lambda keeps free for which function. */
export function declareReservedConcurrency(stack: Stack, maximumConcurrency: number, preSignUp: boolean): ReservedConcurrency {
  return {
    producer: forTrigger(stack, 'ProducerReservedConcurrency', 'the producer'),
    preSignUp: preSignUp ? forTrigger(stack, 'PreSignUpReservedConcurrency', 'pre-sign-up') : undefined,
    consumer: forMapping(stack, maximumConcurrency),
  };
}

function forTrigger(stack: Stack, id: string, what: string): Reserved {
  return unlessNone(stack, id, (given) => given, {
    description: `Instances of ${what} that Lambda keeps free, and the most that it runs; with \`${NONE}\`, it shares the account's with every other function.`,
    // Lambda takes 0 as well: it would never run the function.
    allowedPattern: `${NONE}|[1-9][0-9]{0,3}`,
    constraintDescription: `Give a whole number from 1 to 9999, at least as many as there are sign-ups at the same time, or \`${NONE}\`.`,
  });
}

/**
 * For the consumer one number is right: what the event source mapping may run.
 * With less, Lambda throttles batches that it has received already, and each costs its messages a receive; more would be kept for nobody.
 */
function forMapping(stack: Stack, maximumConcurrency: number): Reserved {
  return unlessNone(stack, 'ConsumerReservedConcurrency', () => maximumConcurrency, {
    description: `Whether Lambda keeps as many instances free for the consumer as MaximumConcurrency says (\`${MAXIMUM}\`), or it shares the account's with every other function (\`${NONE}\`).`,
    allowedPattern: `${NONE}|${MAXIMUM}`,
    constraintDescription: `Give \`${MAXIMUM}\`, which reserves what MaximumConcurrency says, or \`${NONE}\`.`,
  });
}

function unlessNone(
  stack: Stack,
  id: string,
  instances: (given: string) => string | number,
  about: { description: string; allowedPattern: string; constraintDescription: string },
): Reserved {
  const given = new CfnParameter(stack, id, { type: 'String', default: NONE, ...about }).valueAsString;
  const isGiven = new CfnCondition(stack, `${id}IsGiven`, { expression: Fn.conditionNot(Fn.conditionEquals(given, NONE)) });
  return Fn.conditionIf(isGiven.logicalId, instances(given), { Ref: 'AWS::NoValue' });
}
