import { copyFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CfnParameter, Stack, Token } from 'aws-cdk-lib';
import { Architecture, Code } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { Construct } from 'constructs';
import { builtFor, FUNCTIONS, missingIn, type FunctionName, type Packages, PackagesInFolder } from '../construct/src/packages.ts';
import { InputError } from './input-error.ts';

const ARCHITECTURES: Record<string, Architecture> = { arm64: Architecture.ARM_64, x86_64: Architecture.X86_64 };

/** Finds the zips in `folder`, which counts from `base` when it is relative, and what they were built for unless that is given. */
export function readPackages(base: string, folder: string, architecture: unknown): PackagesInFolder {
  const found = resolve(base, folder);
  const missing = missingIn(found);
  if (missing.length > 0) {
    throw new InputError(
      `cannot find ${missing.join(' and ')}: run \`cargo xtask package\`, or name the folder that holds the zips with \`-c functions=<folder>\``,
    );
  }
  return new PackagesInFolder(found, architectureOf(found, architecture));
}

function architectureOf(folder: string, given: unknown): Architecture {
  const name = given ?? builtFor(folder);
  if (name === undefined) {
    throw new InputError(`cannot tell what the zips were built for: ${folder} has no file \`architecture\`; give \`-c architecture=x86_64\` or \`-c architecture=arm64\``);
  }
  const architecture = typeof name === 'string' ? ARCHITECTURES[name] : undefined;
  if (architecture === undefined) {
    throw new InputError(`the architecture is ${JSON.stringify(name)}: give \`x86_64\` or \`arm64\`, whichever the zips were built for`);
  }
  return architecture;
}

/** The functions carry the authorities of RDS for most Regions. */
export function refuseRegionWithoutAuthorities(packages: PackagesInFolder | PackagesInBucket, region: string): void {
  // Unknown until it is deployed.
  if (Token.isUnresolved(region) || packages.hasAuthoritiesOf(region)) return;
  throw new InputError(`\`database=aurora\` does not work in ${region}: the packages have no authorities of RDS for it; use another Region, or a database of yours with a file of your own in \`DatabaseCa\``);
}

/** The same zips in a bucket that a parameter names, for who deploys without the CDK. */
export class PackagesInBucket implements Packages {
  readonly architecture: Architecture;
  private readonly packages: PackagesInFolder;

  constructor(packages: PackagesInFolder) {
    this.architecture = packages.architecture;
    this.packages = packages;
  }

  codeOf(scope: Construct, name: FunctionName): Code {
    const { bucket, prefix } = bucketParameters(Stack.of(scope));
    return Code.fromBucket(Bucket.fromBucketName(scope, 'CodeBucket', bucket), `${prefix}${this.nameInBucket(name)}`);
  }

  hasAuthoritiesOf(region: string): boolean {
    return this.packages.hasAuthoritiesOf(region);
  }

  /** Puts the zips beside the templates, under the names that the templates ask the bucket for, and says which stack comes first: `cargo xtask template` reads it. */
  exportBeside({ directory, stacks }: CloudAssembly): void {
    for (const name of FUNCTIONS) copyFileSync(this.packages.zipOf(name), join(directory, this.nameInBucket(name)));
    writeFileSync(join(directory, 'stacks'), stacks.map(({ stackName }) => `${stackName}\n`).join(''));
  }

  /** Another content, another name, or CloudFormation would not see that it changed. */
  private nameInBucket(name: FunctionName): string {
    return `${name}-${this.packages.sha256Of(name).slice(0, 16)}.zip`;
  }
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
