import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { temporaryFolder } from './synthesized.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function writeAuthorities(folder: string): Map<string, X509Certificate[]> {
  const run = spawnSync(process.execPath, ['--import', 'tsx', 'rds-authorities.ts', folder], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
  });
  assert.equal(run.status, 0, run.stderr);
  return new Map(readdirSync(folder).map((file) => [file, certificatesOf(join(folder, file))]));
}

function certificatesOf(file: string): X509Certificate[] {
  return [...readFileSync(file, 'utf8').matchAll(CERTIFICATE)].map(([text]) => new X509Certificate(text));
}

describe('the authorities of RDS', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'xx-gone-1.pem'), 'of an earlier package');
  const authorities = writeAuthorities(folder);

  test('every file holds the three authorities of its Region and no other', () => {
    assert.ok(authorities.size >= 27, `${authorities.size} Regions`);
    for (const [file, certificates] of authorities) {
      const region = file.replace('.pem', '');
      const names = certificates.map(({ subject }) => /CN=Amazon RDS (.*) G1/.exec(subject)?.[1]).sort();
      const kinds = ['ECC384', 'RSA2048', 'RSA4096'];
      assert.deepEqual(names, kinds.map((kind) => `${region} Root CA ${kind}`));
    }
  });

  test('each one signs itself, may sign others, and is good for years', () => {
    const inTwentyYears = Date.now() + 20 * 365 * 24 * 3600 * 1000;
    for (const certificate of [...authorities.values()].flat()) {
      assert.ok(certificate.ca && certificate.verify(certificate.publicKey), certificate.subject);
      assert.ok(Date.parse(certificate.validTo) > inTwentyYears, certificate.subject);
    }
  });

  test('the same bytes are written each time, and nothing of an earlier package stays', () => {
    const again = temporaryFolder();
    writeAuthorities(again);
    assert.deepEqual(readdirSync(again), readdirSync(folder));
    for (const file of readdirSync(again)) assert.deepEqual(readFileSync(join(again, file)), readFileSync(join(folder, file)), file);
  });
});
