/** Runs the app the way the local stack does, against zips that hold nothing, and reads back what it wrote. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FUNCTIONS } from '../construct/src/packages.ts';

export interface Resource {
  readonly Type: string;
  readonly DependsOn?: string | string[];
  // `any`: what a property holds is whatever CloudFormation allows there.
  readonly Properties: Record<string, any>;
  readonly Condition?: string;
}

export interface Template {
  readonly Parameters: Record<string, Record<string, any>>;
  readonly Rules: Record<string, Record<string, any>>;
  readonly Resources: Record<string, Resource>;
  readonly Outputs: Record<string, { readonly Value: unknown }>;
}

const temporaryFolders: string[] = [];
process.once('exit', () => {
  for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is gone when the process ends, however it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-infra-'));
  temporaryFolders.push(folder);
  return folder;
}

/** The smallest file that is a zip: the end of an empty directory. Two of them differ by their comment. */
export function writeDummyZip(folder: string, name: string, comment = name): void {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(comment.length, 20);
  writeFileSync(join(folder, `${name}.zip`), Buffer.concat([end, Buffer.from(comment)]));
}

/** A folder as `cargo xtask package` leaves it, with zips that hold nothing. */
export function dummyPackages(): string {
  const folder = temporaryFolder();
  for (const name of FUNCTIONS) writeDummyZip(folder, name);
  writeFileSync(join(folder, 'architecture'), 'x86_64\n');
  return folder;
}

export function runApp(context: Record<string, unknown>, out: string, variables: Record<string, string> = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--import', 'tsx', 'app/rollcall.ts'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      CDK_OUTDIR: out,
      CDK_CONTEXT_JSON: JSON.stringify(context),
      // Three quarters of a synth's time: `nag.test.ts` has every shape validated.
      CDK_VALIDATION: String('nag' in context),
      ...variables,
    },
  });
}

export interface Synthesized {
  readonly template: Template;
  readonly printed: string;
  readonly out: string;
  /** The templates of all stacks, by their names. */
  readonly templates: Record<string, Template>;
}

/** One synth with this context and these variables; call it once per suite. */
export function synthesize(context: Record<string, unknown> = {}, variables: Record<string, string> = {}): Synthesized {
  const out = temporaryFolder();
  const run = runApp({ functions: dummyPackages(), ...context }, out, variables);
  if (run.status !== 0) throw new Error(`the synth failed:\n${run.stderr}`);
  const files = readdirSync(out).filter((file) => file.endsWith('.template.json'));
  const read = (file: string) => JSON.parse(readFileSync(join(out, file), 'utf8')) as Template;
  const templates = Object.fromEntries(files.map((file) => [file.replace('.template.json', ''), read(file)]));
  return { template: templates['RollcallPipeline']!, templates, printed: run.stdout + run.stderr, out };
}

/** What a template has of one type. */
export function resourcesOf(template: Template, type: string): [id: string, properties: Record<string, any>][] {
  return Object.entries(template.Resources)
    .filter(([, { Type }]) => Type === type)
    .map(([id, { Properties }]) => [id, Properties]);
}

/** What lets the pool call the functions, in every deployment; that of the pool before is in few of them. */
export function poolPermissions(template: Template): [id: string, properties: Record<string, any>][] {
  const permissions = resourcesOf(template, 'AWS::Lambda::Permission').filter(([, { Principal }]) => Principal === 'cognito-idp.amazonaws.com');
  return permissions.filter(([id]) => template.Resources[id]!.Condition === undefined);
}

/** A template value as one line of text: `<NamePrefix>-users`, `<UsersQueue.Arn>`. */
export function text(value: any): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('Ref' in value) return `<${value.Ref}>`;
  if ('Fn::GetAtt' in value) return `<${value['Fn::GetAtt'].join('.')}>`;
  if ('Fn::ImportValue' in value) return `<${value['Fn::ImportValue']}>`;
  if (Array.isArray(value['Fn::Join']?.[1])) return value['Fn::Join'][1].map(text).join(value['Fn::Join'][0]);
  return JSON.stringify(value);
}
