import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { InputError, readContext, targetEnvironment } from '../lib/input.ts';
import { FUNCTIONS, runApp, temporaryFolder, writeDummyZip } from './synthesized.ts';

function contextOf(context: Record<string, unknown>) {
  return readContext(new App({ context, autoSynth: false }).node);
}

function allZips(): string {
  const folder = temporaryFolder();
  for (const name of FUNCTIONS) writeDummyZip(folder, name);
  return folder;
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
    assert.match(run.stderr, /^cannot find \S+producer\.zip and \S+consumer\.zip and .*: run `cargo xtask package`.*\n$/);
  });

  test('a folder that is not text is refused', () => {
    for (const functions of ['', 7, ['a']]) assert.match(refusal({ functions }), /give the folder that holds/);
  });
});

describe('the architecture', () => {
  test('is x86_64 unless the context says arm64', () => {
    const functions = allZips();
    assert.equal(contextOf({ functions }).architecture.name, 'x86_64');
    assert.equal(contextOf({ functions, architecture: 'arm64' }).architecture.name, 'arm64');
  });

  test('is refused when it is anything else', () => {
    const functions = allZips();
    for (const architecture of ['aarch64', 'ARM64', '', 64]) {
      assert.match(refusal({ functions, architecture }), /give `x86_64` or `arm64`/);
    }
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
