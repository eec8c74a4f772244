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
}

/** What is decided when the template is made, and not when it is deployed. */
export interface SynthContext {
  readonly zips: FunctionZips;
  readonly architecture: Architecture;
}

const INFRA_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const DEFAULT_FUNCTIONS_FOLDER = '../target/lambda';

/**
 * Reads the context keys `functions` and `architecture`.
 * A relative folder counts from `infra/`, wherever the command was started.
 */
export function readContext(node: Node): SynthContext {
  return {
    zips: findZips(node.tryGetContext('functions') ?? DEFAULT_FUNCTIONS_FOLDER),
    architecture: parseArchitecture(node.tryGetContext('architecture') ?? 'x86_64'),
  };
}

function findZips(given: unknown): FunctionZips {
  if (typeof given !== 'string' || given === '') {
    throw new InputError(
      `the context value \`functions\` is ${JSON.stringify(given)}: give the folder that holds producer.zip and consumer.zip`,
    );
  }
  const folder = resolve(INFRA_FOLDER, given);
  const zips = { producer: resolve(folder, 'producer.zip'), consumer: resolve(folder, 'consumer.zip') };
  const missing = Object.values(zips).filter((zip) => !existsSync(zip));
  if (missing.length > 0) {
    throw new InputError(
      `cannot find ${missing.join(' and ')}: run \`cargo xtask package\`, or name the folder that holds the zips with \`-c functions=<folder>\``,
    );
  }
  return zips;
}

function parseArchitecture(given: unknown): Architecture {
  switch (given) {
    case 'x86_64':
      return Architecture.X86_64;
    case 'arm64':
      return Architecture.ARM_64;
    default:
      throw new InputError(
        `the context value \`architecture\` is ${JSON.stringify(given)}: give \`x86_64\` or \`arm64\`, whichever the zips were built for`,
      );
  }
}

/**
 * The account and the Region that the cdk CLI found, or nothing: then the template fits any of them.
 * Half of the pair counts as nothing, because a template bound to a Region but to no account helps nobody.
 */
export function targetEnvironment(variables: NodeJS.ProcessEnv): Pick<StackProps, 'env'> {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = variables;
  return account && region ? { env: { account, region } } : {};
}
