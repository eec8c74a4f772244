/** Draws a dashboard's body as SVG, with figures that are made up: what an operator will see, before there is an account to see it in. */
import { figuresOf, MINUTES, RINGING } from './figures.ts';

/** A dashboard's widget, as CloudWatch documents it under "Dashboard body structure and syntax". */
export interface Widget {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  // `any`: what a property holds depends on the type.
  readonly properties: Record<string, any>;
}

/** Pixels of a dashboard's unit: 24 of them are 1,152 wide. */
const UNIT = { x: 48, y: 36 } as const;
const MARGIN = 16;
const HEADER = 56;
const GAP = 6;
const FONT = { size: 12, line: 15 } as const;
/** Characters that fit into a pixel of this font, roughly, and wider ones of its bold. */
const CHARACTERS_PER_PIXEL = 1 / 6.4;
const BOLD_PER_PIXEL = 1 / 7.2;

const INK = '#1F2328';
const FAINT = '#59636E';
const GRID = '#E2E6EA';
const PAPER = '#FFFFFF';
const GOOD = '#1A7F37';
const BAD = '#CF222E';
const LINES = ['#0969DA', '#BC4C00', '#8250DF', '#1A7F37'] as const;

/** The same picture in a dark page. */
const DARK: Readonly<Record<string, string>> = {
  [PAPER]: '#0D1117', [INK]: '#F0F6FC', [FAINT]: '#9198A1', [GRID]: '#262C36', [GOOD]: '#3FB950', [BAD]: '#FF7B72',
  [LINES[0]]: '#58A6FF', [LINES[1]]: '#F0883E', [LINES[2]]: '#BC8CFF',
};

/** The picture of these widgets. Every widget is a group with its title. */
export function draw(widgets: readonly Widget[]): string {
  const bottom = Math.max(...widgets.map(({ y, height }) => y + height));
  const [width, height] = [2 * MARGIN + 24 * UNIT.x, HEADER + bottom * UNIT.y + MARGIN];
  const dark = Object.entries(DARK).map(([light, color]) => `[fill="${light}"]{fill:${color}}[stroke="${light}"]{stroke:${color}}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="${FONT.size}">`,
    `<style>@media (prefers-color-scheme:dark){${dark.join('')}}</style>`,
    rect(0, 0, width, height, PAPER),
    words(MARGIN, 24, 'The dashboard, with figures that are made up', { size: 17, bold: true }),
    words(MARGIN, 44, 'Drawn from the template, and not a screenshot: the database is down for 40 minutes, and at the end the pool has lost its triggers.', { color: FAINT }),
    ...widgets.flatMap(widget),
    '</svg>',
    '',
  ].join('\n');
}

/** What a widget is called; a text has the beginning of its words. */
export function titleOf({ type, properties }: Widget): string {
  return type === 'text' ? (/^\*\*(.+?)\*\*/.exec(properties['markdown'])?.[1] ?? '') : properties['title'];
}

function widget(of: Widget): string[] {
  const box = { left: MARGIN + of.x * UNIT.x, top: HEADER + of.y * UNIT.y, width: of.width * UNIT.x - GAP, height: of.height * UNIT.y - GAP };
  const inside = { text: links, alarm: states, metric: graph }[of.type];
  if (!inside) throw new Error(`infra/picture/draw.ts cannot draw a widget of the type "${of.type}"`);
  const frame = `<rect x="${box.left}" y="${box.top}" width="${box.width}" height="${box.height}" rx="4" fill="none" stroke="${GRID}"/>`;
  return ['<g>', `<title>${escaped(titleOf(of))}</title>`, frame, ...inside(of, box), '</g>'];
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function heading(of: Widget, { left, top, width }: Box): { lines: string[]; below: number } {
  const parts = wrapped(titleOf(of), width - 20, BOLD_PER_PIXEL);
  return { lines: parts.map((part, index) => words(left + 10, top + 18 + index * FONT.line, part, { bold: true })), below: top + 18 + parts.length * FONT.line };
}

function links(of: Widget, box: Box): string[] {
  const { lines, below } = heading(of, box);
  const names = [...(of.properties['markdown'] as string).matchAll(/\[([^\]]+)\]/g)].map(([, name]) => name!);
  const rows = wrapped(names.join(' · '), box.width - 20);
  return [...lines, ...rows.map((row, index) => words(box.left + 10, below + 2 + index * FONT.line, row, { color: LINES[0] }))];
}

/** Tiles in columns, as the console shows them. */
function states(of: Widget, box: Box): string[] {
  const { lines, below } = heading(of, box);
  const names = (of.properties['alarms'] as string[]).map((arn) => arn.replace(/^.*:alarm:(<NamePrefix>-)?/, ''));
  const columns = 6;
  const tile = { width: (box.width - 20) / columns, height: 28 };
  const tiles = names.flatMap((name, index) => {
    const [x, y] = [box.left + 10 + (index % columns) * tile.width, below + Math.floor(index / columns) * tile.height];
    const color = RINGING.includes(name) ? BAD : GOOD;
    const state = RINGING.includes(name) ? 'in alarm' : 'OK';
    return [`<rect x="${x}" y="${y}" width="4" height="${tile.height - 5}" fill="${color}"/>`, words(x + 9, y + 10, name), words(x + 9, y + 21, state, { size: 9, color })];
  });
  return [...lines, ...tiles];
}

/** One line of a graph. */
interface Line {
  /** How the legend calls it. */
  readonly label: string;
  readonly points: readonly (readonly [minute: number, value: number])[];
}

function graph(of: Widget, box: Box): string[] {
  const { lines: title, below } = heading(of, box);
  const drawn = linesOf(of.properties['metrics']);
  const legend = legendOf(drawn, box);
  const plot = { left: box.left + 52, right: box.left + box.width - 14, top: below + 2, bottom: legend.top - 24 };
  const most = roundedUp(Math.max(...drawn.flatMap(({ points }) => points.map(([, value]) => value))));
  const x = (minute: number) => rounded(plot.left + ((plot.right - plot.left) * minute) / MINUTES);
  const y = (value: number) => rounded(plot.bottom - ((plot.bottom - plot.top) * value) / most);
  const level = (value: number) => [
    `<line x1="${plot.left}" y1="${y(value)}" x2="${plot.right}" y2="${y(value)}" stroke="${GRID}"/>`,
    words(plot.left - 6, y(value) + 4, value.toLocaleString('en-US', { notation: 'compact' }), { size: 10, color: FAINT, anchor: 'end' }),
  ];
  const hour = (minute: number) => words(x(minute), plot.bottom + 14, `${minute / 60} h`, { size: 10, color: FAINT, anchor: 'middle' });
  const line = ({ points }: Line, index: number) => `<polyline fill="none" stroke="${LINES[index]}" stroke-width="1.5" points="${points.map(([minute, value]) => `${x(minute)},${y(value)}`).join(' ')}"/>`;
  // The first is drawn last: it is the one that the others are compared with.
  return [...title, ...level(0), ...level(most / 2), ...level(most), ...[0, 60, 120, 180].map(hour), ...drawn.map(line).reverse(), ...legend.lines];
}

/** Metrics as the body writes them: namespace, name, dimensions, rendering; `.` and `...` repeat what the one before had. */
function linesOf(metrics: readonly any[][]): Line[] {
  return metrics.map((entry) => {
    const rendering: Record<string, any> = typeof entry.at(-1) === 'object' ? entry.at(-1) : {};
    if (rendering['expression']) return { label: rendering['label'], points: figuresOf(rendering['label']) };
    const [namespace, name, , of] = entry as string[];
    const owner = of!.replace('<NamePrefix>-', '');
    const percentile = String(rendering['stat']).startsWith('p') && name === 'SignUpToRowMs' ? ` ${rendering['stat']}` : '';
    const key = namespace === 'rollcall' ? `${name}${percentile}` : `${owner} ${name}`;
    return { label: key, points: figuresOf(key) };
  });
}

/** Labels at the bottom, each behind a stroke of its colour, in as many rows as they need. */
function legendOf(drawn: readonly Line[], box: Box): { top: number; lines: string[] } {
  const rows: { label: string; index: number; x: number }[][] = [[]];
  let x = box.left + 10;
  drawn.forEach(({ label }, index) => {
    const width = 26 + label.length / CHARACTERS_PER_PIXEL;
    if (x + width > box.left + box.width && rows.at(-1)!.length > 0) {
      rows.push([]);
      x = box.left + 10;
    }
    rows.at(-1)!.push({ label, index, x });
    x += width;
  });
  const top = box.top + box.height - 8 - rows.length * FONT.line;
  const lines = rows.flatMap((row, nth) =>
    row.flatMap(({ label, index, x: at }) => {
      const y = top + (nth + 1) * FONT.line;
      return [`<line x1="${rounded(at)}" y1="${y - 4}" x2="${rounded(at + 14)}" y2="${y - 4}" stroke="${LINES[index]}" stroke-width="2"/>`, words(rounded(at + 18), y, label, { size: 11, color: FAINT })];
    }),
  );
  return { top, lines };
}

/** The next number of 1, 2, 4, 10, 20, … that is not smaller. */
function roundedUp(value: number): number {
  for (let power = 1; ; power *= 10) for (const step of [1, 2, 4]) if (step * power >= value) return step * power;
}

function rounded(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

function wrapped(text: string, width: number, perPixel = CHARACTERS_PER_PIXEL): string[] {
  const most = width * perPixel;
  return text.split(' ').reduce<string[]>((rows, word) => {
    const last = rows.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) return [...rows, word];
    return [...rows.slice(0, -1), `${last} ${word}`];
  }, []);
}

function rect(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${fill}"/>`;
}

function words(x: number, y: number, text: string, { size, bold, color = INK, anchor }: { size?: number; bold?: boolean; color?: string; anchor?: string } = {}): string {
  const more = [...(size ? [`font-size="${size}"`] : []), ...(bold ? ['font-weight="bold"'] : []), ...(anchor ? [`text-anchor="${anchor}"`] : [])];
  return `<text x="${x}" y="${y}" fill="${color}"${more.map((attribute) => ` ${attribute}`).join('')}>${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
