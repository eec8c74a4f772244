/** What the properties of a `Rollcall` come to, and the sentences for those that AWS or the functions would reject. */
import { Duration, Stack, Token } from 'aws-cdk-lib';
import { CfnUserPool, type IUserPool } from 'aws-cdk-lib/aws-cognito';
import type { Construct } from 'constructs';
import { keyItself } from './encryption-key';
import { ARCHIVE_DAYS, BATCH_SIZE, BATCH_WINDOW_SECONDS, BATCH_WITHOUT_WINDOW, CONSUMER, CUSTOM_ATTRIBUTE, MAXIMUM_CONCURRENCY, MAX_RECEIVE_COUNT, POOL_ID, type Range, RESERVED_CONCURRENCY, ROLE_ARN, VISIBILITY_TIMEOUT_SECONDS } from './limits';
import { poolDefinition } from './pool-definition';
import type { RollcallProps } from './rollcall-props';
import type { ReservedConcurrency } from './rust-function';
import type { Attachment } from './trigger-wiring';

/** A function's name has at most 64 characters; 40 leave room for every suffix. */
export const LONGEST_PREFIX = 40;

/** Throws for what can be seen to be wrong before anything is made; a value of a parameter cannot. */
export function check(scope: Construct, props: RollcallProps): void {
  refusePoolOfAnotherPlace(scope, props.userPool);
  const hold = (name: string, values: readonly (string | undefined)[], pattern: string, wanted: string) => {
    const wrong = values.find((value) => value !== undefined && !Token.isUnresolved(value) && !new RegExp(`^(${pattern})$`).test(value));
    if (wrong !== undefined) throw new Error(`the \`${name}\` has \`${wrong}\`: give ${wanted}`);
  };
  hold('namePrefix', [props.namePrefix], '[A-Za-z][A-Za-z0-9-]{0,39}', `at most ${LONGEST_PREFIX} letters, digits and hyphens, beginning with a letter`);
  hold('forwardAttributes', props.forwardAttributes ?? [], CUSTOM_ATTRIBUTE, 'names of custom attributes with their prefix, such as `custom:tenant`');
  hold('furtherUserPools', props.furtherUserPools ?? [], POOL_ID, 'ids of user pools, such as `eu-central-1_AbCdEfGhI`');
  hold('previousUserPoolId', [props.previousUserPoolId], POOL_ID, 'the id of a user pool, such as `eu-central-1_AbCdEfGhI`');
  hold('operatorRoleArns', props.operatorRoleArns ?? [], ROLE_ARN, 'ARNs of IAM roles');
}

/** Cognito calls functions of its own account and Region, and a pool is updated where it is. */
function refusePoolOfAnotherPlace(scope: Construct, userPool: IUserPool): void {
  const here = Stack.of(scope);
  const pairs = [
    ['account', here.account, userPool.env.account],
    ['region', here.region, userPool.env.region],
  ] as const;
  for (const [what, ours, theirs] of pairs) {
    if (!Token.isUnresolved(ours) && !Token.isUnresolved(theirs) && ours !== theirs) {
      throw new Error(`the user pool is in the ${what} ${theirs}, and this stack in ${ours}: put \`Rollcall\` into a stack of the pool's account and Region`);
    }
  }
}

/** What an update of the pool names again, and what says that the pool was updated. */
export function attachmentOf({ userPool, poolDefinition: given, smsRole, senderKey }: RollcallProps): Pick<Attachment, 'poolDefinition' | 'smsRoleArn' | 'senderKeyArn'> {
  const resource = userPool.node.defaultChild;
  const made = resource instanceof CfnUserPool ? resource : undefined;
  if (senderKey === undefined && made && hasSenderKey(made)) {
    throw new Error("the user pool has custom senders under a key, which an update of the pool names again: give that key in `senderKey`");
  }
  return {
    poolDefinition: given ?? (made ? poolDefinition(made) : '1'),
    smsRoleArn: smsRole?.roleArn ?? (made && smsRoleArnOf(made)),
    senderKeyArn: senderKey && keyItself(senderKey).keyArn,
  };
}

function smsRoleArnOf({ smsConfiguration: sms }: CfnUserPool): string | undefined {
  return sms !== undefined && !Token.isUnresolved(sms) && 'snsCallerArn' in sms ? sms.snsCallerArn : undefined;
}

/** The CDK's own pool writes its triggers down at the end, so they are asked for now. */
function hasSenderKey(pool: CfnUserPool): boolean {
  const triggers: unknown = Stack.of(pool).resolve(pool.lambdaConfig);
  return typeof triggers === 'object' && triggers !== null && 'kmsKeyId' in triggers && triggers.kmsKeyId !== undefined;
}

export function reserved(props: RollcallProps): ReservedConcurrency {
  const given = props.triggerReservedConcurrency;
  const triggers = given === undefined ? undefined : inRange('triggerReservedConcurrency', given, { ...RESERVED_CONCURRENCY, default: given });
  const consumer = props.reserveConsumer ? numbers(props).maximumConcurrency : undefined;
  return { producer: triggers, preSignUp: triggers, consumer };
}

export function numbers(props: RollcallProps) {
  const batchSize = inRange('batchSize', props.batchSize, BATCH_SIZE);
  const window = inRange('maxBatchingWindow', props.maxBatchingWindow?.toSeconds(), BATCH_WINDOW_SECONDS, 'seconds');
  if (!Token.isUnresolved(batchSize) && !Token.isUnresolved(window) && batchSize > BATCH_WITHOUT_WINDOW && window === 0) {
    throw new Error(`the \`batchSize\` is ${batchSize}: give a \`maxBatchingWindow\` of at least one second, or a \`batchSize\` of at most ${BATCH_WITHOUT_WINDOW}`);
  }
  // A batch waits within the time that its messages are hidden; a window that is a parameter is not known here.
  const waits = Token.isUnresolved(window) ? 0 : window;
  const hidden = { ...VISIBILITY_TIMEOUT_SECONDS, min: CONSUMER.timeoutSeconds + waits, default: VISIBILITY_TIMEOUT_SECONDS.default + waits };
  return {
    batchSize,
    maxBatchingWindow: Duration.seconds(window),
    maximumConcurrency: inRange('maxConcurrency', props.maxConcurrency, MAXIMUM_CONCURRENCY),
    visibilityTimeout: Duration.seconds(inRange('visibilityTimeout', props.visibilityTimeout?.toSeconds(), hidden, 'seconds')),
    maxReceiveCount: inRange('maxReceiveCount', props.maxReceiveCount, MAX_RECEIVE_COUNT),
    archiveDays: inRange('archiveRetention', props.archiveRetention?.toDays(), ARCHIVE_DAYS, 'days'),
  };
}

/** A whole number that AWS accepts, or its default. */
function inRange(name: string, given: number | undefined, { default: otherwise, min, max }: Range, unit = ''): number {
  if (given === undefined) return otherwise;
  if (!Token.isUnresolved(given) && !(Number.isInteger(given) && given >= min && given <= max)) {
    throw new Error(`the \`${name}\` is ${given}: give a whole number from ${min} to ${max}${unit && `, in ${unit}`}`);
  }
  return given;
}
