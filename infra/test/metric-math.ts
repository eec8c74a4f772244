/**
 * The part of CloudWatch's metric math that the alarms use, on series of one value a period.
 *
 * Source: "Using math expressions with CloudWatch metrics" in the Amazon CloudWatch user guide.
 * An operation on a period without data has no data there; only FILL makes some.
 */

/** A value for each period, the oldest first; undefined where there is no data. */
export type Series = readonly (number | undefined)[];

type Value = Series | number | readonly Series[];

const TOKEN = /\s*(?:(?<number>\d+(?:\.\d+)?)|(?<word>[A-Za-z_]\w*)|(?<sign>[<>]=?|==|[-+*/(),[\]]))/y;

/** From the loosest to the tightest. */
const OPERATORS: readonly Record<string, (a: number, b: number) => number>[] = [
  { OR: (a, b) => Number(a !== 0 || b !== 0) },
  { AND: (a, b) => Number(a !== 0 && b !== 0) },
  { '<': (a, b) => Number(a < b), '>': (a, b) => Number(a > b), '<=': (a, b) => Number(a <= b), '>=': (a, b) => Number(a >= b), '==': (a, b) => Number(a === b) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / b },
];

/** What an expression makes of these series, all of which have the same number of periods. */
export function evaluate(expression: string, series: Record<string, Series>): Series {
  const periods = Math.max(...Object.values(series).map(({ length }) => length));
  const tokens = tokensOf(expression);
  let at = 0;

  const take = (): string => {
    const token = tokens[at];
    if (token === undefined) throw new Error(`${expression} ends too early`);
    at += 1;
    return token;
  };
  const expect = (wanted: string): void => {
    const found = take();
    if (found !== wanted) throw new Error(`${found} instead of ${wanted} in ${expression}`);
  };
  const wide = (value: Value): Series => {
    if (typeof value === 'number') return Array<number>(periods).fill(value);
    if (Array.isArray(value[0])) throw new Error(`a list where a series belongs in ${expression}`);
    return value as Series;
  };
  const binary = (level: number): Value => {
    const operators = OPERATORS[level];
    if (!operators) return primary();
    let left = binary(level + 1);
    for (let operator = operators[tokens[at] ?? '']; operator; operator = operators[tokens[at] ?? '']) {
      at += 1;
      const [a, b, apply] = [wide(left), wide(binary(level + 1)), operator];
      left = a.map((value, period) => both(value, b[period], apply));
    }
    return left;
  };
  const list = (end: string): Value[] => {
    const values = [binary(0)];
    while (tokens[at] === ',') {
      at += 1;
      values.push(binary(0));
    }
    expect(end);
    return values;
  };
  const primary = (): Value => {
    const token = take();
    if (/^\d/.test(token)) return Number(token);
    if (token === '(') {
      const [inner] = list(')');
      return inner!;
    }
    if (token === '[') return list(']').map(wide);
    if (tokens[at] === '(') {
      at += 1;
      return call(token, list(')'), wide);
    }
    const known = series[token];
    if (!known) throw new Error(`${token} is no metric of ${expression}`);
    return known;
  };

  const value = wide(binary(0));
  if (at < tokens.length) throw new Error(`${tokens[at]} is left over in ${expression}`);
  return value;
}

function call(name: string, [first, second, third]: Value[], wide: (value: Value) => Series): Series {
  switch (name) {
    case 'FILL':
      return wide(first!).map((value) => value ?? (second as number));
    case 'IF': {
      const [then, otherwise] = [wide(second!), wide(third!)];
      return wide(first!).map((value, period) => (value === undefined ? undefined : value === 0 ? otherwise[period] : then[period]));
    }
    case 'DIFF': {
      const of = wide(first!);
      return of.map((value, period) => (period === 0 ? undefined : both(value, of[period - 1], (now, before) => now - before)));
    }
    case 'RUNNING_SUM': {
      let sum = 0;
      return wide(first!).map((value) => (value === undefined ? undefined : (sum += value)));
    }
    case 'MAX': {
      const of = first as readonly Series[];
      return of[0]!.map((_, period) => {
        const values = of.map((series) => series[period]).filter((value) => value !== undefined);
        return values.length > 0 ? Math.max(...values) : undefined;
      });
    }
    default:
      throw new Error(`${name} is not modelled`);
  }
}

function both(a: number | undefined, b: number | undefined, apply: (a: number, b: number) => number): number | undefined {
  return a === undefined || b === undefined ? undefined : apply(a, b);
}

function tokensOf(expression: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const found = TOKEN.exec(expression);
    if (!found) throw new Error(`cannot read ${expression}`);
    tokens.push(found[0].trim());
  }
  return tokens;
}
