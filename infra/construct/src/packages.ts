import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Architecture, Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

/** The zips that `cargo xtask package` builds, one per function, each with a `bootstrap` inside. */
export const FUNCTIONS = ['producer', 'pre-sign-up', 'consumer', 'migrate', 'trigger-wiring'] as const;

export type FunctionName = (typeof FUNCTIONS)[number];

/** Says beside the zips what they were built for. */
const ARCHITECTURE_FILE = 'architecture';

/** Where the functions come from, and what they were built for. */
export interface Packages {
  readonly architecture: Architecture;
  codeOf(scope: Construct, name: FunctionName): Code;
}

function zipIn(folder: string, name: FunctionName): string {
  return join(folder, `${name}.zip`);
}

/** The zips that a folder should hold and does not. */
export function missingIn(folder: string): string[] {
  return FUNCTIONS.map((name) => zipIn(folder, name)).filter((zip) => !existsSync(zip));
}

/** A folder as `cargo xtask package` leaves it. Its zips are assets of the CDK. */
export class PackagesInFolder implements Packages {
  readonly architecture: Architecture;
  private readonly folder: string;

  constructor(folder: string, architecture: Architecture) {
    this.folder = folder;
    this.architecture = architecture;
  }

  codeOf(_: Construct, name: FunctionName): Code {
    return Code.fromAsset(this.zipOf(name));
  }

  zipOf(name: FunctionName): string {
    return zipIn(this.folder, name);
  }

  /** In hexadecimal digits. */
  sha256Of(name: FunctionName): string {
    return createHash('sha256').update(readFileSync(this.zipOf(name))).digest('hex');
  }

  /** Whether the functions carry the CA certificates of RDS for a Region, without which they do not trust a database of RDS. */
  hasAuthoritiesOf(region: string): boolean {
    const certificates = join(this.folder, 'rds');
    // The empty zips of tests have none.
    return !existsSync(certificates) || existsSync(join(certificates, `${region}.pem`));
  }
}

/** The first is preferred: it costs less for the same work. */
const ARCHITECTURES = [Architecture.ARM_64, Architecture.X86_64];

/** The zips in a folder with one folder for each architecture (`arm64`, `x86_64`), or in a folder as `cargo xtask package` leaves it. */
export function packagesBeside(folder: string, architecture: Architecture | undefined): PackagesInFolder {
  const wanted = architecture ? [architecture] : ARCHITECTURES;
  for (const one of wanted) {
    const inside = [join(folder, nameOf(one)), folder].find((candidate) => missingIn(candidate).length === 0 && builtFor(candidate) === nameOf(one));
    if (inside !== undefined) return new PackagesInFolder(inside, one);
  }
  throw new Error(`cannot find the functions for ${wanted.map(nameOf).join(' or ')} in ${folder}: name a folder as \`cargo xtask package\` leaves it in \`functionsFolder\``);
}

/** What the file beside the zips says. */
export function builtFor(folder: string): string | undefined {
  const file = join(folder, ARCHITECTURE_FILE);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** As Rust and the packages call it. */
function nameOf(architecture: Architecture): string {
  return architecture.name === Architecture.ARM_64.name ? 'arm64' : 'x86_64';
}
