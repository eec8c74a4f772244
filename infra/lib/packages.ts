import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CfnParameter, Stack, Token } from 'aws-cdk-lib';
import { Architecture, Code } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { Construct } from 'constructs';
import { InputError } from './input.ts';

/** The zips that `cargo xtask package` builds, one per function, each with a `bootstrap` inside. */
export const FUNCTIONS = ['producer', 'pre-sign-up', 'consumer', 'migrate', 'trigger-wiring'] as const;

export type FunctionName = (typeof FUNCTIONS)[number];

/** Where CloudFormation finds the zips: among the CDK's assets, or in a bucket of yours, for who deploys without the CDK. */
export type CodeSource = 'assets' | 'bucket';

export interface Packages {
  readonly folder: string;
  readonly architecture: Architecture;
  readonly source: CodeSource;
}

const ARCHITECTURES: Record<string, Architecture> = { arm64: Architecture.ARM_64, x86_64: Architecture.X86_64 };

/** Says beside the zips what they were built for. */
const ARCHITECTURE_FILE = 'architecture';

/** Finds the zips in `folder`, which counts from `base` when it is relative, and what they were built for unless that is given. */
export function readPackages(base: string, folder: string, architecture: unknown, source: CodeSource): Packages {
  const found = resolve(base, folder);
  const missing = FUNCTIONS.map((name) => zipOf(found, name)).filter((zip) => !existsSync(zip));
  if (missing.length > 0) {
    throw new InputError(
      `cannot find ${missing.join(' and ')}: run \`cargo xtask package\`, or name the folder that holds the zips with \`-c functions=<folder>\``,
    );
  }
  return { folder: found, architecture: architectureOf(found, architecture), source };
}

function architectureOf(folder: string, given: unknown): Architecture {
  const file = join(folder, ARCHITECTURE_FILE);
  const name = given ?? (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined);
  if (name === undefined) {
    throw new InputError(`cannot tell what the zips were built for: there is no ${file}; give \`-c architecture=x86_64\` or \`-c architecture=arm64\``);
  }
  const architecture = typeof name === 'string' ? ARCHITECTURES[name] : undefined;
  if (architecture === undefined) {
    throw new InputError(`the architecture is ${JSON.stringify(name)}: give \`x86_64\` or \`arm64\`, whichever the zips were built for`);
  }
  return architecture;
}

/** The functions carry the authorities of RDS for most Regions, and a database of RDS is not believed without them. */
export function refuseRegionWithoutAuthorities({ folder }: Packages, region: string): void {
  const authorities = join(folder, 'rds');
  // Unknown until it is deployed, or zips that hold nothing.
  if (Token.isUnresolved(region) || !existsSync(authorities) || existsSync(join(authorities, `${region}.pem`))) return;
  throw new InputError(`\`database=aurora\` does not work in ${region}: the packages have no authorities of RDS for it; use another Region, or a database of yours with a file of your own in \`DatabaseCa\``);
}

function zipOf(folder: string, name: FunctionName): string {
  return join(folder, `${name}.zip`);
}

function digestOf({ folder }: Packages, name: FunctionName): string {
  return createHash('sha256').update(readFileSync(zipOf(folder, name))).digest('hex');
}

/** The name of a zip in a bucket of yours: another content, another name, or CloudFormation would not see that it changed. */
function nameInBucket(packages: Packages, name: FunctionName): string {
  return `${name}-${digestOf(packages, name).slice(0, 16)}.zip`;
}

export function codeOf(scope: Construct, packages: Packages, name: FunctionName): Code {
  if (packages.source === 'assets') return Code.fromAsset(zipOf(packages.folder, name));
  const { bucket, prefix } = bucketParameters(Stack.of(scope));
  return Code.fromBucket(Bucket.fromBucketName(scope, 'CodeBucket', bucket), `${prefix}${nameInBucket(packages, name)}`);
}

/** Puts the zips beside the templates, under the names that the templates ask the bucket for, and says which stack comes first: `cargo xtask template` reads it. */
export function exportPackages(packages: Packages, { directory, stacks }: CloudAssembly): void {
  if (packages.source === 'assets') return;
  for (const name of FUNCTIONS) copyFileSync(zipOf(packages.folder, name), join(directory, nameInBucket(packages, name)));
  writeFileSync(join(directory, 'stacks'), stacks.map(({ stackName }) => `${stackName}\n`).join(''));
}

/** Declared once for each stack, by the first function that needs them. */
function bucketParameters(stack: Stack): { bucket: string; prefix: string } {
  const parameter = (id: string, props: { default?: string; description: string; allowedPattern: string; constraintDescription: string }) =>
    (stack.node.tryFindChild(id) as CfnParameter | undefined) ?? new CfnParameter(stack, id, { type: 'String', ...props });
  return {
    bucket: parameter('CodeBucket', {
      description: "The bucket that holds the functions' zips, in the Region of this stack.",
      allowedPattern: '[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]',
      constraintDescription: 'Give the name of a bucket, not its ARN or URL.',
    }).valueAsString,
    prefix: parameter('CodePrefix', {
      default: '',
      description: 'What stands before the names of the zips in that bucket, such as `rollcall/`.',
      allowedPattern: '([\\w.-]+/)*',
      constraintDescription: 'Give a prefix that ends with a slash, or nothing.',
    }).valueAsString,
  };
}
