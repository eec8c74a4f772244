/** Runs the app the way the local stack does, against zips that hold nothing, and reads back what it wrote. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Resource {
  readonly Type: string;
  readonly DependsOn?: string | string[];
  // `any`: what a property holds is whatever CloudFormation allows there.
  readonly Properties: Record<string, any>;
}

export interface Template {
  readonly Parameters: Record<string, Record<string, any>>;
  readonly Resources: Record<string, Resource>;
  readonly Outputs: Record<string, { readonly Value: unknown }>;
}

/** A folder that is gone when the process ends, however it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-infra-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The zips that the app looks for. */
export const FUNCTIONS = ['producer', 'consumer', 'trigger-wiring', 'pre-sign-up'];

/** The smallest file that is a zip: the end of an empty directory. Two of them differ by their comment. */
export function writeDummyZip(folder: string, name: string): void {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(name.length, 20);
  writeFileSync(join(folder, `${name}.zip`), Buffer.concat([end, Buffer.from(name)]));
}

export function runApp(context: Record<string, unknown>, out: string, app = 'bin/rollcall.ts'): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--import', 'tsx', app], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], CDK_OUTDIR: out, CDK_CONTEXT_JSON: JSON.stringify(context) },
  });
}

/** One synth with this context; call it once per suite. */
export function synthesize(context: Record<string, unknown> = {}): { template: Template; printed: string } {
  const zips = temporaryFolder();
  for (const name of FUNCTIONS) writeDummyZip(zips, name);
  const out = temporaryFolder();
  const run = runApp({ functions: zips, ...context }, out);
  if (run.status !== 0) throw new Error(`the synth failed:\n${run.stderr}`);
  const template = JSON.parse(readFileSync(join(out, 'RollcallPipeline.template.json'), 'utf8')) as Template;
  return { template, printed: run.stdout + run.stderr };
}

/** A template value as one line of text: `<NamePrefix>-users`, `<UsersQueue.Arn>`. */
export function text(value: any): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('Ref' in value) return `<${value.Ref}>`;
  if ('Fn::GetAtt' in value) return `<${value['Fn::GetAtt'].join('.')}>`;
  if (Array.isArray(value['Fn::Join']?.[1])) return value['Fn::Join'][1].map(text).join(value['Fn::Join'][0]);
  return JSON.stringify(value);
}
