/** Plays every story against the alarms of the template, and writes when they go off into `docs/alarms.md`. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { alarmsOf, goesOff, type Metrics } from './alarm-clock.ts';
import { checks, STORIES, type Story } from './alarm-stories.ts';
import { type Series, evaluate } from './metric-math.ts';
import { synthesize } from './synthesized.ts';

const alarms = alarmsOf(synthesize({ 'pre-sign-up': 'yes' }).template);

/** What a story has, and a check of the triggers every quarter of an hour that finds them, unless it says otherwise. */
function metricsOf({ metrics, minutes }: Story): Metrics {
  // Cognito's metric has two dimensions, of which a story names none.
  return { ...checks(minutes), ...metrics, '<UserPoolId> SignUpSuccesses': metrics['SignUpSuccesses'] ?? {} };
}

/** When each alarm goes off, without those that do not. */
function played(story: Story): Map<string, number[]> {
  const { minutes } = story;
  const given = metricsOf(story);
  return new Map(alarms.map((alarm) => [alarm.section, goesOff(alarm, given, minutes)] as const).filter(([, times]) => times.length > 0));
}

describe('alarms', () => {
  for (const story of STORIES) {
    test(story.title, () => {
      const rung = played(story);
      assert.deepEqual([...rung.keys()].sort(), Object.keys(story.rings).sort());
      for (const [section, latest] of Object.entries(story.rings)) {
        const [first] = rung.get(section)!;
        assert.ok(first! >= story.begins && first! <= latest, `${section} goes off after minute ${first}`);
      }
      for (const [section, minute] of Object.entries(story.clears ?? {})) {
        const alarm = alarms.find((one) => one.section === section)!;
        for (let later = minute; later < story.minutes; later += 1) assert.equal(alarm.state(later, metricsOf(story)), 'OK', `${section} after minute ${later}`);
      }
      for (const [section, times] of Object.entries(story.times ?? {})) assert.equal(rung.get(section)!.length, times, section);
    });
  }

  test('each of them goes off in one of the stories', () => {
    const rung = new Set(STORIES.flatMap((story) => [...played(story).keys()]));
    assert.deepEqual(alarms.map(({ section }) => section).filter((section) => !rung.has(section)), []);
  });

  test('the page has the table', () => {
    const page = new URL('../../docs/alarms.md', import.meta.url);
    const [before, , after] = readFileSync(page, 'utf8').split(/<!-- (?:from|up to) here[^>]*-->\n/);
    const marker = (words: string) => `<!-- ${words} here: \`UPDATE_ALARMS=1 npm test\` -->\n`;
    const text = `${before}${marker('from')}\n${table()}\n${marker('up to')}${after}`;
    if (process.env['UPDATE_ALARMS']) writeFileSync(page, text);
    assert.equal(readFileSync(page, 'utf8'), text, 'run `UPDATE_ALARMS=1 npm test` in infra/');
  });
});

function table(): string {
  const rows = STORIES.map((story) => {
    const rung = [...played(story)].sort(([, a], [, b]) => a[0]! - b[0]!);
    const cells = rung.map(([section, [first]]) => `[${section.replaceAll('-', ' ')}](runbook.md#${section}) ${first! - story.begins + 1}`);
    return `| ${story.title} | ${cells.join(', ') || 'none'} |`;
  });
  return ['| what happens | which alarm goes off, and within how many minutes |', '| --- | --- |', ...rows].join('\n') + '\n';
}

describe('metric math', () => {
  const cases: [string, Record<string, Series>, Series][] = [
    ['FILL(a, 0)', { a: [1, undefined, 3] }, [1, 0, 3]],
    ['a + b', { a: [1, undefined], b: [2, 2] }, [3, undefined]],
    ['DIFF(FILL(a, 0))', { a: [undefined, 2, 5, 5, 1] }, [undefined, 2, 3, 0, -4]],
    ['RUNNING_SUM(FILL(a, 0)) > 1', { a: [undefined, 1, undefined, 1] }, [0, 0, 0, 1]],
    ['IF(FILL(a, 0) + b > 2 AND b < 2, 1, 0)', { a: [2, undefined, 2], b: [1, 1, 2] }, [1, 0, 0]],
    ['MAX([DIFF(a), FILL(b, 0)])', { a: [1, 3, 3], b: [undefined, undefined, 4] }, [0, 2, 4]],
    ['2 * (a - 1) / 2', { a: [3] }, [2]],
  ];
  for (const [expression, series, expected] of cases) {
    test(expression, () => assert.deepEqual(evaluate(expression, series), expected));
  }

  test('what it does not know is an error', () => {
    for (const wrong of ['b', 'SEARCH(a, 1)', 'a +', 'a b', '(a', 'a ? 1']) assert.throws(() => evaluate(wrong, { a: [1] }), wrong);
  });
});
