import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Node } from 'constructs';

/** What a person gave us cannot be used; the message is one sentence that says what to do. */
export class InputError extends Error {}

/** The zips that `cargo xtask package` builds, one per function, each with a `bootstrap` inside. */
export interface FunctionZips {
  readonly producer: string;
  readonly consumer: string;
  readonly triggerWiring: string;
  readonly preSignUp: string;
}

/** How the pool comes to call the functions: a custom resource attaches them, or somebody else does. */
export type TriggersMode = 'attach' | 'none';

/** Whether sign-ups that could never become a row are refused. */
export type PreSignUp = 'no' | 'yes';

/** How the consumer logs in to the database. */
export type DatabaseLogin = 'url' | 'secret' | 'iam';

/** Where the consumer runs: in Lambda's own network, or in subnets of yours, beside a database that the internet cannot reach. */
export type Network = 'lambda' | 'vpc';

/** Whose key encrypts the queues: one of SQS's own, or one that this stack makes and you control. */
export type QueueKey = 'sqs' | 'customer';

/** What is decided when the template is made, and not when it is deployed. */
export interface SynthContext {
  readonly zips: FunctionZips;
  readonly architecture: Architecture;
  readonly database: DatabaseLogin;
  readonly network: Network;
  readonly queueKey: QueueKey;
  readonly triggers: TriggersMode;
  readonly preSignUp: PreSignUp;
}

const INFRA_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const DEFAULT_FUNCTIONS_FOLDER = '../target/lambda';

/**
 * Reads the context keys of the table in `infra/README.md`.
 * A relative folder counts from `infra/`, wherever the command was started.
 */
export function readContext(node: Node): SynthContext {
  const architecture = oneOf(node, 'architecture', ['x86_64', 'arm64'], 'whichever the zips were built for');
  return {
    zips: findZips(node.tryGetContext('functions') ?? DEFAULT_FUNCTIONS_FOLDER),
    architecture: architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
    database: oneOf(node, 'database', ['url', 'secret', 'iam'], 'however the consumer logs in'),
    network: oneOf(node, 'network', ['lambda', 'vpc'], 'wherever the database can be reached from'),
    queueKey: oneOf(node, 'queue-key', ['sqs', 'customer'], 'whose key encrypts the queues'),
    triggers: oneOf(node, 'triggers', ['attach', 'none'], 'whether this stack attaches them to the pool'),
    preSignUp: oneOf(node, 'pre-sign-up', ['no', 'yes'], 'whether sign-ups that could never become a row are refused'),
  };
}

/** The value of a context key that has a few, the first one by default. */
function oneOf<T extends string>(node: Node, key: string, values: readonly [T, ...T[]], which: string): T {
  const given: unknown = node.tryGetContext(key) ?? values[0];
  const found = values.find((value) => value === given);
  if (found === undefined) {
    const choice = values.map((value) => `\`${value}\``).join(' or ');
    throw new InputError(`the context value \`${key}\` is ${JSON.stringify(given)}: give ${choice}, ${which}`);
  }
  return found;
}

function findZips(given: unknown): FunctionZips {
  if (typeof given !== 'string' || given === '') {
    throw new InputError(
      `the context value \`functions\` is ${JSON.stringify(given)}: give the folder that holds the zips of \`cargo xtask package\``,
    );
  }
  const folder = resolve(INFRA_FOLDER, given);
  const zips = {
    producer: resolve(folder, 'producer.zip'),
    consumer: resolve(folder, 'consumer.zip'),
    triggerWiring: resolve(folder, 'trigger-wiring.zip'),
    preSignUp: resolve(folder, 'pre-sign-up.zip'),
  };
  const missing = Object.values(zips).filter((zip) => !existsSync(zip));
  if (missing.length > 0) {
    throw new InputError(
      `cannot find ${missing.join(' and ')}: run \`cargo xtask package\`, or name the folder that holds the zips with \`-c functions=<folder>\``,
    );
  }
  return zips;
}

/**
 * The account and the Region that the cdk CLI found, or nothing: then the template fits any of them.
 * Half of the pair counts as nothing, because a template bound to a Region but to no account helps nobody.
 */
export function targetEnvironment(variables: NodeJS.ProcessEnv): Pick<StackProps, 'env'> {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = variables;
  return account && region ? { env: { account, region } } : {};
}
