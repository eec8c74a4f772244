import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { readContext, targetEnvironment } from '../app/input.ts';
import { InputError } from '../app/input-error.ts';
import { FUNCTIONS } from '../construct/src/packages.ts';
import { dummyPackages, runApp, temporaryFolder, writeDummyZip } from './synthesized.ts';

function contextOf(context: Record<string, unknown>) {
  return readContext(new App({ context, autoSynth: false }).node);
}

function refusal(context: Record<string, unknown>): string {
  try {
    contextOf(context);
  } catch (error) {
    assert.ok(error instanceof InputError);
    return error.message;
  }
  assert.fail('it was accepted');
}

describe('the zips', () => {
  test('a missing zip is refused with a sentence that says what to run', () => {
    const folder = temporaryFolder();
    writeDummyZip(folder, 'producer');
    const message = refusal({ functions: folder });
    assert.match(message, /consumer\.zip and .*: run `cargo xtask package`/);
    assert.doesNotMatch(message, /producer\.zip/);
  });

  test('the command prints that sentence alone and fails', () => {
    const run = runApp({ functions: temporaryFolder() }, temporaryFolder());
    assert.equal(run.status, 1);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /^cannot find \S+producer\.zip and \S+pre-sign-up\.zip and .*: run `cargo xtask package`.*\n$/);
  });

  test('a folder that is not text is refused', () => {
    for (const functions of ['', 7, ['a']]) assert.match(refusal({ functions }), /give the folder that holds/);
  });
});

describe('the architecture', () => {
  test('is what the file beside the zips says, unless the context says otherwise', () => {
    const functions = dummyPackages();
    assert.equal(contextOf({ functions }).packages.architecture.name, 'x86_64');
    assert.equal(contextOf({ functions, architecture: 'arm64' }).packages.architecture.name, 'arm64');
  });

  test('is refused when nobody says it, and when it is anything else', () => {
    const functions = temporaryFolder();
    for (const name of FUNCTIONS) writeDummyZip(functions, name);
    assert.match(refusal({ functions }), /give `-c architecture=x86_64` or `-c architecture=arm64`/);
    for (const architecture of ['aarch64', 'ARM64', '', 64]) {
      assert.match(refusal({ functions, architecture }), /give `x86_64` or `arm64`/);
    }
  });
});

describe('a choice', () => {
  const functions = dummyPackages();

  test('is one of a few words, and anything else is refused with them', () => {
    assert.match(refusal({ functions, database: 'postgres' }), /`database` is "postgres": give `url` or `secret` or `iam` or `aurora`/);
    assert.match(refusal({ functions, migrate: true }), /`migrate` is true: give `yes` or `no`/);
  });

  test('with a misspelt name is refused, and the keys of the CDK are not', () => {
    assert.match(refusal({ functions, databse: 'iam' }), /the context key `databse` is unknown; known are `pool`,/);
    contextOf({ functions, '@aws-cdk/core:something': true, 'aws:cdk:enable-path-metadata': true });
  });

  test('that contradicts another one is refused with what goes together', () => {
    assert.match(refusal({ functions, triggers: 'native' }), /`triggers=native` needs `pool=example`.*use `triggers=attach`/);
    assert.match(refusal({ functions, triggers: 'none', pool: 'example' }), /`triggers=none` needs `pool=given`/);
    for (const triggers of ['native', 'none']) {
      const pool = triggers === 'native' ? 'example' : 'given';
      assert.match(refusal({ functions, pool, triggers, heal: 'yes' }), /`heal=yes` needs `triggers=attach`/);
    }
    for (const network of ['vpc', 'lambda']) {
      assert.match(refusal({ functions, database: 'aurora', network }), /`database=aurora` brings a VPC of its own: leave `network` out/);
    }
    assert.match(refusal({ functions, database: 'aurora', migrate: 'no' }), /`database=aurora` needs `migrate=yes`/);
  });
});

describe('the target', () => {
  test('is the account and Region that the CLI found', () => {
    const found = { CDK_DEFAULT_ACCOUNT: '111122223333', CDK_DEFAULT_REGION: 'eu-central-1' };
    assert.deepEqual(targetEnvironment(found), { env: { account: '111122223333', region: 'eu-central-1' } });
  });

  test('is left open when the CLI found none, or only half of it', () => {
    assert.deepEqual(targetEnvironment({}), {});
    assert.deepEqual(targetEnvironment({ CDK_DEFAULT_REGION: 'eu-central-1' }), {});
  });
});
