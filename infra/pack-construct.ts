/**
 * Packs the construct library for npm and for PyPI, with the functions inside:
 *
 *   node --import tsx pack-construct.ts <folder of functions>… --into <folder>
 *
 * Each folder of functions is one as `cargo xtask package` leaves it, and they are for different architectures.
 * The packages are in `js/` and `python/` of the folder's `dist/`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FUNCTIONS, builtFor, missingIn } from './construct/src/packages.ts';

const INFRA = fileURLToPath(new URL('.', import.meta.url));
const CONSTRUCT = join(INFRA, 'construct');
const LOCK = 'package-lock.json';

class Failure extends Error {}

function pack(functions: readonly string[], into: string): void {
  mkdirSync(into, { recursive: true });
  copySources(into);
  for (const folder of functions) copyFunctions(folder, into);
  install(into);
  run(into, 'node_modules/.bin/jsii', ['--fail-on-warnings']);
  rmSync(join(into, 'dist'), { recursive: true, force: true });
  run(into, 'node_modules/.bin/jsii-pacmak', ['--targets', 'js', 'python']);
}

function copySources(into: string): void {
  for (const stale of ['src', 'lib', 'functions', '.jsii', 'tsconfig.json']) rmSync(join(into, stale), { recursive: true, force: true });
  for (const name of ['src', 'package.json', LOCK, 'README.md']) cpSync(join(CONSTRUCT, name), join(into, name), { recursive: true });
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) cpSync(join(INFRA, '..', name), join(into, name));
}

function copyFunctions(folder: string, into: string): void {
  const missing = missingIn(folder);
  const architecture = builtFor(folder);
  if (missing.length > 0 || architecture === undefined) {
    throw new Failure(`${folder} is not a folder as \`cargo xtask package\` leaves it: ${missing[0] ?? `${folder}/architecture`} is missing`);
  }
  const to = join(into, 'functions', architecture);
  mkdirSync(to, { recursive: true });
  for (const name of [...FUNCTIONS.map((one) => `${one}.zip`), 'architecture', 'rds']) {
    if (existsSync(join(folder, name))) cpSync(join(folder, name), join(to, name), { recursive: true });
  }
}

/** Apart from the app's packages, because the library is compiled against the oldest CDK that it supports. */
function install(into: string): void {
  const wanted = readFileSync(join(into, LOCK), 'utf8');
  const stamp = join(into, 'node_modules/.installed-lock.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  run(into, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  writeFileSync(stamp, wanted);
}

function run(folder: string, program: string, args: readonly string[]): void {
  // jsii says on every start that this Node.js is past its end.
  const env = { ...process.env, JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: '20' };
  const { status, error } = spawnSync(program, args, { cwd: folder, env, stdio: ['ignore', 2, 2] });
  if (error || status !== 0) throw new Failure(`\`${program} ${args.join(' ')}\` failed in ${folder}${error ? `: ${error.message}` : ''}`);
}

const [into, functions] = ((args: string[]): [string | undefined, string[]] => {
  const option = args.indexOf('--into');
  return option < 0 ? [undefined, args] : [args[option + 1], args.filter((_, index) => index !== option && index !== option + 1)];
})(process.argv.slice(2));

try {
  if (into === undefined || functions.length === 0) throw new Failure('usage: pack-construct.ts <folder of functions>… --into <folder>');
  pack(functions.map((folder) => resolve(folder)), resolve(into));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exit(1);
}
