/** Numbers of the Rust code, read where they stand: what two languages must agree on is written once in each, and compared. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const UNITS: Record<string, number> = { millis: 0.001, secs: 1, mins: 60, hours: 3_600 };

/** A duration in seconds: `const NAME: Duration = Duration::from_secs(4);`, or a field of a policy: `attempt: Duration::from_secs(8),`. */
export function seconds(file: string, name: string): number {
  const [, unit, number] = find(file, new RegExp(`\\b${name}: (?:Duration = )?Duration::from_(\\w+)\\(([\\d_]+)\\)`));
  const factor = UNITS[unit!];
  assert.ok(factor, `${name} in ${file} is in ${unit}`);
  return plain(number!) * factor;
}

/** A plain number: `const NAME: u32 = 2;`. */
export function count(file: string, name: string): number {
  return plain(find(file, new RegExp(`\\bconst ${name}: \\w+ = ([\\d_]+);`))[1]!);
}

/** What a pattern's first group holds. */
export function written(file: string, pattern: RegExp): string {
  return find(file, pattern)[1]!;
}

function find(file: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
  assert.ok(found, `${pattern} is not in ${file}`);
  return found;
}

function plain(number: string): number {
  return Number(number.replaceAll('_', ''));
}
