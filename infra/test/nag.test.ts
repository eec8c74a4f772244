/** cdk-nag's AwsSolutions pack over every shape that the context can choose. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ACKNOWLEDGED } from '../construct/src/acknowledged.ts';
import { synthesize } from './synthesized.ts';

const SHAPES = [
  {},
  { database: 'iam', network: 'vpc', key: 'customer', 'pre-sign-up': 'yes', 'post-authentication': 'yes' },
  { database: 'secret', triggers: 'none', migrate: 'no', code: 'bucket' },
  { pool: 'example', database: 'aurora', key: 'customer', 'pre-sign-up': 'yes' },
  { pool: 'example', triggers: 'native', 'post-authentication': 'yes' },
];

for (const shape of SHAPES) {
  test(`nothing but what is acknowledged is found in ${JSON.stringify(shape)}`, () => {
    assert.equal(synthesize({ ...shape, nag: true }).printed, '');
  });
}

test('every acknowledged finding stands in the README with its reason', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  for (const { id, reason } of Object.values(ACKNOWLEDGED)) {
    assert.ok(readme.includes(`\`${id.replace('AwsSolutions::', '')}\``), id);
    assert.ok(readme.includes(reason), reason);
    console.log(`${id}: ${reason}`);
  }
});
