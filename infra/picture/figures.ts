/**
 * Figures for the picture of the dashboard. They are made up, and tell one story in three hours:
 * the database is down from minute 60 to 100, and at minute 160 the pool loses its triggers.
 */

export const MINUTES = 180;

const DOWN = { from: 60, to: 100 } as const;
const LOST = 160;
/** The backlog is gone by then. */
const DRAINED = 112;

/** The sections of the runbook whose alarms are in ALARM at the end. */
export const RINGING: readonly string[] = ['lost-triggers'];

/** Sign-ups in a minute: a few, and no two minutes alike. */
function signUps(minute: number): number {
  return Math.round(6 + 3 * Math.sin(minute / 31) + 2 * wobble(minute));
}

/** From -1 to 1, the same at every run. */
function wobble(minute: number): number {
  return Math.sin(minute * 12.9898) * Math.cos(minute * 4.1414);
}

function calls(minute: number): number {
  return minute < LOST ? signUps(minute) : 0;
}

function isDown(minute: number): boolean {
  return minute >= DOWN.from && minute < DOWN.to;
}

/** Users who wait for their rows. */
function waiting(minute: number): number {
  if (isDown(minute)) return sum(DOWN.from, minute);
  if (minute < DOWN.from || minute >= DRAINED) return 0;
  return Math.round((sum(DOWN.from, DOWN.to) * (DRAINED - minute)) / (DRAINED - DOWN.to));
}

function sum(from: number, to: number): number {
  let all = 0;
  for (let minute = from; minute <= to; minute += 1) all += calls(minute);
  return all;
}

function inserted(minute: number): number {
  if (isDown(minute)) return 0;
  return calls(minute) + Math.max(0, waiting(minute - 1) - waiting(minute));
}

/** SQS forgets the age of a message after its third receive, so it falls in an outage. */
function oldest(minute: number): number {
  if (isDown(minute)) return 40 + 30 * wobble(minute);
  return minute >= DOWN.to && minute < DRAINED ? 20 : 1;
}

function latency(minute: number, usual: number): number | undefined {
  if (isDown(minute) || minute >= LOST) return undefined;
  if (minute >= DOWN.to && minute < DRAINED) return (minute - DOWN.from) * 60_000 * (usual > 1_000 ? 1 : 0.5);
  return usual * (1 + 0.2 * wobble(minute));
}

type Figure = (minute: number) => number | undefined;

const NONE: Figure = () => 0;

/** By the metric's name, and what tells two of the same name apart. */
const FIGURES: Readonly<Record<string, Figure>> = {
  'Sign-ups that Cognito counts': signUps,
  'producer Invocations': calls,
  UserConfirmedPublished: calls,
  UserConfirmedUnpublished: NONE,
  UserConfirmedUnusable: NONE,
  Inserted: inserted,
  Duplicates: (minute) => (minute === DOWN.to + 3 ? 2 : 0),
  Retried: (minute) => (isDown(minute) ? Math.round(waiting(minute) / 4) : 0),
  Poison: NONE,
  'SignUpToRowMs p50': (minute) => latency(minute, 700),
  'SignUpToRowMs p99': (minute) => latency(minute, 1_900),
  'users ApproximateNumberOfMessagesVisible': (minute) => (minute >= DOWN.to && minute < DRAINED ? Math.round(waiting(minute) / 3) : 0),
  'users ApproximateNumberOfMessagesNotVisible': waiting,
  'users NumberOfMessagesDeleted': inserted,
  'users ApproximateAgeOfOldestMessage': oldest,
  'users-dlq ApproximateNumberOfMessagesVisible': NONE,
  'rule-dlq ApproximateNumberOfMessagesVisible': NONE,
  'producer Errors': NONE,
  'consumer Errors': NONE,
  TableUnfit: NONE,
  AttributeDropped: (minute) => (minute === 37 ? 1 : 0),
  'producer Throttles': NONE,
  'consumer Throttles': NONE,
  'producer Duration': (minute) => (minute < LOST ? 42 + 9 * wobble(minute) : undefined),
  'consumer Duration': (minute) => (minute >= LOST ? undefined : isDown(minute) ? 8_100 + 300 * wobble(minute) : 55 + 12 * wobble(minute)),
  'Triggers attached': (minute) => (minute % 15 === 0 ? (minute < LOST ? 1 : 0) : undefined),
};

/** What a line shows: a value for each minute that has one. A line without made-up figures is an error, so that the picture shows every metric of the template. */
export function figuresOf(line: string): readonly (readonly [minute: number, value: number])[] {
  const figure = FIGURES[line];
  if (!figure) throw new Error(`infra/picture/figures.ts has no figures for "${line}"`);
  return Array.from({ length: MINUTES + 1 }, (_, minute) => [minute, figure(minute)] as const).flatMap(([minute, value]) => (value === undefined ? [] : [[minute, value] as const]));
}
