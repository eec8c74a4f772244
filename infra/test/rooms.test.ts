/** Who may import whom: `construct/` knows nothing of `app/`, and no two files need each other. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const infra = fileURLToPath(new URL('..', import.meta.url));

function files(folder: string): string[] {
  return readdirSync(join(infra, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(infra, folder, name));
}

/** The files of ours that a file imports, for their types alone too. */
function imports(file: string): string[] {
  const found = [...readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)].map(([, path]) => resolve(dirname(file), path!));
  return found.map((path) => (path.endsWith('.ts') ? path : `${path}.ts`));
}

const construct = files('construct/src');
const app = files('app');

test('the construct library imports nothing of the app', () => {
  for (const file of construct) {
    for (const imported of imports(file)) assert.ok(construct.includes(imported), `${basename(file)} imports ${imported}`);
  }
});

test('no file needs itself by way of others', () => {
  const seen = new Map<string, 'open' | 'done'>();
  const visit = (file: string, way: string[]): void => {
    assert.notEqual(seen.get(file), 'open', [...way, file].map((one) => basename(one)).join(' → '));
    if (seen.has(file)) return;
    seen.set(file, 'open');
    for (const imported of imports(file)) visit(imported, [...way, file]);
    seen.set(file, 'done');
  };
  assert.ok(construct.length > 20 && app.length > 10, 'the folders are where this test looks');
  for (const file of [...construct, ...app]) visit(file, []);
});
