import { CfnCondition, CfnParameter, CfnRule, Fn, type Stack, Token } from 'aws-cdk-lib';
import { RUNBOOK } from '../construct/src/dashboard.ts';
import {
  ARCHIVE_DAYS,
  BATCH_SIZE,
  BATCH_WINDOW_SECONDS,
  BATCH_WITHOUT_WINDOW,
  MAXIMUM_CONCURRENCY,
  MAX_RECEIVE_COUNT,
  POOL_ID,
  type Range,
  VISIBILITY_TIMEOUT_SECONDS,
} from '../construct/src/limits.ts';
import type { PreviousPool } from '../construct/src/pool-permissions.ts';

/**
 * What a deployment chooses.
 * CloudFormation parameters rather than context, so that one and the same template goes to AWS and to the local stack.
 */
export interface Parameters {
  readonly namePrefix: string;
  readonly visibilityTimeoutSeconds: number;
  readonly maxReceiveCount: number;
  readonly batchSize: number;
  readonly batchWindowSeconds: number;
  readonly maximumConcurrency: number;
  /** What an alarm does: tell the topic, or nothing. */
  readonly alarmTopicArn: string;
  readonly archiveDays: number;
}

const NO_TOPIC = 'none';

/** Declares the parameters at the top of the stack, where their logical ids are their names. */
export function declareParameters(stack: Stack, name: string): Parameters {
  const parameters = {
    namePrefix: namePrefix(stack, name),
    visibilityTimeoutSeconds: numberParameter(stack, 'VisibilityTimeoutSeconds', {
      range: VISIBILITY_TIMEOUT_SECONDS,
      description: 'Seconds that a received message stays hidden; AWS wants six times the time-out of the consumer and refuses less than one.',
    }),
    maxReceiveCount: numberParameter(stack, 'MaxReceiveCount', {
      range: MAX_RECEIVE_COUNT,
      description: 'Receives before SQS moves a message to the dead-letter queue; only for messages that kill the consumer.',
    }),
    batchSize: numberParameter(stack, 'BatchSize', {
      range: BATCH_SIZE,
      description: 'Messages that one invocation of the consumer takes at most.',
    }),
    batchWindowSeconds: numberParameter(stack, 'BatchWindowSeconds', {
      range: BATCH_WINDOW_SECONDS,
      description: 'Seconds that Lambda waits for a batch to fill; at least 1 if BatchSize is more than 10.',
    }),
    maximumConcurrency: numberParameter(stack, 'MaximumConcurrency', {
      range: MAXIMUM_CONCURRENCY,
      description: 'Consumers that run at the same time at most; each holds one database connection.',
    }),
    alarmTopicArn: alarmTopicArn(stack),
    archiveDays: numberParameter(stack, 'ArchiveDays', {
      range: ARCHIVE_DAYS,
      description: 'Days that the bus keeps every event, so that it can be replayed; they are personal data.',
    }),
  };
  refuseLargeBatchWithoutWindow(stack, parameters);
  return parameters;
}

/** Lambda would refuse the mapping too, but only after everything before it has been made. */
function refuseLargeBatchWithoutWindow(stack: Stack, { batchSize, batchWindowSeconds }: Parameters): void {
  const small = Array.from({ length: BATCH_WITHOUT_WINDOW }, (_, index) => String(index + 1));
  new CfnRule(stack, 'BatchesOverTenWait', {
    ruleCondition: Fn.conditionEquals(batchWindowSeconds, '0'),
    assertions: [
      {
        assert: Fn.conditionContains(small, Token.asString(batchSize)),
        assertDescription: `Give a BatchWindowSeconds of at least 1, or a BatchSize of at most ${BATCH_WITHOUT_WINDOW}.`,
      },
    ],
  });
}

/** What every physical name of a stack begins with: the name of its environment, unless the deployment says otherwise. */
export function namePrefix(stack: Stack, name: string): string {
  return new CfnParameter(stack, 'NamePrefix', {
    type: 'String',
    default: name,
    description: 'Every physical name begins with this. Choose it before the first deployment: changing it is refused, because it would replace the functions of the custom resources.',
    // A function's name has at most 64 characters; 40 leave room for every suffix.
    allowedPattern: '[A-Za-z][A-Za-z0-9-]{0,39}',
    constraintDescription: 'Give at most 40 letters, digits and hyphens, beginning with a letter.',
  }).valueAsString;
}

/** The pool that another stack or team owns. */
export function userPoolId(stack: Stack): string {
  return new CfnParameter(stack, 'UserPoolId', {
    type: 'String',
    description: 'The only Cognito user pool that may call the producer, in the account and Region of this stack.',
    allowedPattern: POOL_ID,
    maxLength: 55,
    constraintDescription: 'Give the id of a user pool, such as eu-central-1_AbCdEfGhI, not its name or ARN.',
  }).valueAsString;
}

/** A pool that another stack or team owns. */
export interface GivenPool {
  readonly id: string;
  readonly previous: Required<PreviousPool>;
}

/** The pool that the deployment before was about. */
export function previousUserPool(stack: Stack): Required<PreviousPool> {
  const parameter = 'PreviousUserPoolId';
  const id = new CfnParameter(stack, parameter, {
    type: 'String',
    default: '',
    description: 'When UserPoolId changes: the pool that it was. Both may call the functions until the next deployment without it; the old one is detached.',
    allowedPattern: `(${POOL_ID})?`,
    constraintDescription: 'Give the id of a user pool, such as eu-central-1_AbCdEfGhI, or nothing.',
  }).valueAsString;
  const isGiven = new CfnCondition(stack, `${parameter}IsGiven`, { expression: Fn.conditionNot(Fn.conditionEquals(id, '')) });
  return { id, isGiven };
}

/** The topic that the alarms of a stack go to, or nothing. */
export function alarmTopicArn(stack: Stack): string {
  const arn = new CfnParameter(stack, 'AlarmTopicArn', {
    type: 'String',
    // A word rather than nothing, because an alarm's action may not be empty.
    default: NO_TOPIC,
    description: 'The SNS topic that alarms go to; without one they only change their colour.',
    allowedPattern: `${NO_TOPIC}|arn:[\\w-]+:sns:[\\w-]+:\\d{12}:[\\w-]+`,
    constraintDescription: `Give the ARN of an SNS topic, or \`${NO_TOPIC}\`.`,
  }).valueAsString;
  const isGiven = new CfnCondition(stack, 'AlarmTopicIsGiven', {
    expression: Fn.conditionNot(Fn.conditionEquals(arn, NO_TOPIC)),
  });
  return Fn.conditionIf(isGiven.logicalId, arn, { Ref: 'AWS::NoValue' }).toString();
}

const NO_CLIENT = 'none';

/** The client of a pool that is given, if the deployment names one. */
export function clientOfGivenPool(stack: Stack): { readonly id: string; readonly isGiven: CfnCondition } {
  const id = new CfnParameter(stack, 'UserPoolClientId', {
    type: 'String',
    default: NO_CLIENT,
    description: 'The app client that people sign up with: with it, an alarm tells when they sign up and the trigger is not called.',
    allowedPattern: '[\\w+]+',
    maxLength: 128,
    constraintDescription: `Give the id of an app client, or \`${NO_CLIENT}\`.`,
  }).valueAsString;
  const isGiven = new CfnCondition(stack, 'UserPoolClientIsGiven', {
    expression: Fn.conditionNot(Fn.conditionEquals(id, NO_CLIENT)),
  });
  return { id, isGiven };
}

function numberParameter(stack: Stack, id: string, about: { range: Range; description: string }): number {
  const { range, description } = about;
  return new CfnParameter(stack, id, {
    type: 'Number',
    default: range.default,
    minValue: range.min,
    maxValue: range.max,
    description,
    constraintDescription: `Give a whole number from ${range.min} to ${range.max}.`,
  }).valueAsNumber;
}

/** The value of a parameter that may be empty, and another one when it is. */
export function unlessGiven(
  otherwise: string,
  stack: Stack,
  id: string,
  about: { description: string; noEcho?: boolean; allowedPattern?: string; constraintDescription?: string },
): string {
  const given = new CfnParameter(stack, id, { type: 'String', default: '', ...about }).valueAsString;
  const isGiven = new CfnCondition(stack, `${id}IsGiven`, { expression: Fn.conditionNot(Fn.conditionEquals(given, '')) });
  return Fn.conditionIf(isGiven.logicalId, given, otherwise).toString();
}

const NONE = 'none';

/** A key as a permission may name it, which is not by an alias. */
export const KEY = 'kms:[\\w-]+:\\d{12}:key/.+';

export const ROLE = 'iam::\\d{12}:role/.+';

/**
 * An ARN that may not be given, as what a permission is on.
 * Without one the permission is on something else that the function knows, where it permits nothing.
 */
export function arnUnless(otherwise: string, stack: Stack, id: string, about: { description: string; resource: string }): string {
  const arn = new CfnParameter(stack, id, {
    type: 'String',
    default: NONE,
    description: about.description,
    allowedPattern: `${NONE}|arn:[\\w-]+:${about.resource}`,
    constraintDescription: `Give the ARN of the ${about.resource === KEY ? 'key itself, not of an alias' : 'role'}, or \`${NONE}\`.`,
  }).valueAsString;
  const isGiven = new CfnCondition(stack, `${id}IsGiven`, { expression: Fn.conditionNot(Fn.conditionEquals(arn, NONE)) });
  return Fn.conditionIf(isGiven.logicalId, arn, otherwise).toString();
}

/** Where the dashboard's links go. */
export function runbookUrl(stack: Stack): string {
  return new CfnParameter(stack, 'RunbookUrl', {
    type: 'String',
    default: RUNBOOK,
    description: "Where your team reads docs/runbook.md: the dashboard's links go to its sections.",
    allowedPattern: `${RUNBOOK.replaceAll('.', '\\.')}|https://[^\\s()"\\\\#]+`,
    constraintDescription: `Give an address that begins with https://, without blanks, brackets, quotation marks and #, or \`${RUNBOOK}\`.`,
  }).valueAsString;
}
