// Units are part of a value: `250ms`, `5s`, `100/min`, `1MiB`, `20%`.

/** `limit` requests per `windowMs`. */
export interface Rate {
  readonly limit: number;
  readonly windowMs: number;
  /** As written: `100/min`. */
  readonly text: string;
}

/** Why a text is not the value it should be, in plain language, and what to write instead. */
export interface Refusal {
  readonly error: string;
  readonly hint?: string;
}

/** Tells a {@link Refusal} from a parsed value. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'string';
}

const QUANTITY = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/;

const DURATION_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

const DURATION_HINTS: ReadonlyMap<string, string> = new Map([
  ['', 'add a unit: ms, s, m or h'],
  ['sec', 'seconds are written s'],
  ['min', 'minutes are written m'],
  ['d', 'days are written in hours: 24h'],
]);

/** The longest delay a Node timer keeps: beyond it, `setTimeout` fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Reads `250ms`, `5s`, `1.5s`, `5m`, `24h` as milliseconds. */
export function parseDuration(text: string): number | Refusal {
  const error = `"${text}" is not a duration such as 250ms or 5s`;
  const [, amount, unit] = QUANTITY.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return { error };
  const unitMs = DURATION_MS.get(unit);
  if (unitMs === undefined) return { error, hint: DURATION_HINTS.get(unit) ?? 'units are ms, s, m and h' };
  const ms = wholeUnits(amount, unitMs);
  if (ms === undefined) return { error: `"${text}" is not a whole number of milliseconds` };
  if (ms > LONGEST_MS) return { error: `"${text}" is longer than a timer can be`, hint: 'the longest is 596h' };
  return ms;
}

const BYTES: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** Reads `512B`, `64KiB`, `1MiB`, `1GiB` as bytes. */
export function parseBytes(text: string): number | Refusal {
  const error = `"${text}" is not a size such as 64KiB or 1MiB`;
  const [, amount, unit] = QUANTITY.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return { error };
  const unitBytes = BYTES.get(unit);
  if (unitBytes === undefined) return { error, hint: bytesHint(amount, unit) };
  const bytes = wholeUnits(amount, unitBytes);
  return bytes ?? { error: `"${text}" is not a whole number of bytes` };
}

function bytesHint(amount: string, unit: string): string {
  if (unit === '') return `add a unit: ${amount}B, ${amount}KiB or ${amount}MiB`;
  const power = /^([kmg])i?b?$/i.exec(unit)?.[1]?.toUpperCase();
  if (power !== undefined) return `sizes are powers of 1024: write ${amount}${power}iB`;
  return unit === 'b' ? `write ${amount}B` : 'units are B, KiB, MiB and GiB';
}

/** Decimal amounts are fine as long as nothing is rounded: 1.5s is 1500 ms. */
function wholeUnits(amount: string, unit: number): number | undefined {
  const exact = Number(amount) * unit;
  const whole = Math.round(exact);
  return Math.abs(exact - whole) < 1e-6 && Number.isSafeInteger(whole) ? whole : undefined;
}

/** Reads `20%` as the fraction 0.2. */
export function parsePercent(text: string): number | Refusal {
  const amount = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (amount === undefined) {
    const error = `"${text}" is not a percentage such as 20%`;
    const bare = /^\d*\.?\d+$/.test(text) ? Number(text) : undefined;
    if (bare === undefined) return { error };
    return { error, hint: bare > 0 && bare < 1 ? `write ${Number((bare * 100).toPrecision(12))}%` : 'add the unit: %' };
  }
  const percent = Number(amount);
  return percent <= 100 ? percent / 100 : { error: `"${text}" is more than 100%` };
}

const WINDOW_MS: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
]);

const WINDOW_HINTS: ReadonlyMap<string, string> = new Map([
  ['m', 'minutes are written min'],
  ['minute', 'minutes are written min'],
  ['sec', 'seconds are written s'],
  ['second', 'seconds are written s'],
  ['hour', 'hours are written h'],
]);

const CALENDAR = /^(d|day|week|mo|month|year)s?$/;

/** Reads `10/s`, `100/min`, `500/h`. */
export function parseRate(text: string): Rate | Refusal {
  const error = `"${text}" is not a rate such as 10/s, 100/min or 500/h`;
  const [, amount, window] = /^(\d+[kM]?)\/([a-z]+)$/.exec(text) ?? [];
  if (amount === undefined || window === undefined) return { error };
  if (CALENDAR.test(window)) return { error, hint: 'calendar quotas are not built yet: use s, min or h' };
  const windowMs = WINDOW_MS.get(window);
  if (windowMs === undefined) return { error, hint: WINDOW_HINTS.get(window) ?? 'windows are s, min and h' };
  const limit = Number(amount);
  if (Number.isNaN(limit)) return { error, hint: 'write the number in full' };
  if (limit < 1)
    return { error: `"${text}" lets nothing through`, hint: 'the least is 1; `disabled: true` closes a route' };
  if (!Number.isSafeInteger(limit)) return { error: `"${text}" is too large` };
  return { limit, windowMs, text };
}
