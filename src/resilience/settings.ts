// The settings of how a call is attempted: timeouts, retries, the breaker and the retry budget, with their built-in values.
import * as s from '../schema/schema.ts';
import { isRefusal, parseDuration, type Refusal } from '../schema/units.ts';

/** Time until the answer starts, retries included. */
export const answerTimeout = s.off(
  s.duration({ doc: 'Time until the answer starts, over all attempts and waits', default: '30s', min: '1ms' }),
);

/** Longest silence between two bytes, in either direction. */
export const idleTimeout = s.off(
  s.duration({
    doc: 'Longest silence between two bytes, either way, and how far an upload may fall behind 500 bytes a second',
    default: '30s',
    min: '1ms',
  }),
);

/** Time for the whole exchange. */
export const totalTimeout = s.off(
  s.duration({ doc: 'Time for the whole exchange, the last byte included', min: '1ms' }),
  { default: 'none' },
);

/** `timeout` of a route. Milliseconds; null for none. */
export const timeoutSchema = s.off(
  s.short(
    s.object(
      { answer: answerTimeout, idle: idleTimeout, total: totalTimeout },
      { doc: 'How long a call may take', name: 'timeout' },
    ),
    s.duration({ doc: 'Time until the answer starts', min: '1ms' }),
    'answer',
  ),
);

/** What may be tried again: a failure of the connection, or a status of the upstream. */
export type RetryCondition = 'connect' | 'reset' | 'timeout' | number;

const retryCondition = s.custom({
  doc: 'A failure or a status that is worth another attempt',
  expected: 'connect, reset, timeout, 429 or a 5xx status',
  parse: (text: string): RetryCondition | Refusal => {
    if (text === 'connect' || text === 'reset' || text === 'timeout') return text;
    if (/^(429|5\d\d)$/.test(text)) return Number(text);
    return { error: `"${text}" is not connect, reset, timeout, 429 or a 5xx status` };
  },
  json: { anyOf: [{ enum: ['connect', 'reset', 'timeout', 429] }, { type: 'integer', minimum: 500, maximum: 599 }] },
});

/** Bounds of the wait between two attempts, in milliseconds; see `backoff.ts`. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

const backoff = s.custom({
  doc: 'Wait before another attempt: full jitter under a bound that doubles from the first to the second duration',
  expected: 'two durations such as 50ms..1s',
  default: '50ms..1s',
  parse: parseBackoff,
  json: { type: 'string', examples: ['50ms..1s', '100ms..2s'] },
});

function parseBackoff(text: string): Backoff | Refusal {
  const [from, to, ...rest] = text.split('..');
  if (from === undefined || to === undefined || rest.length > 0) {
    return { error: `"${text}" is not two durations such as 50ms..1s` };
  }
  const baseMs = parseDuration(from);
  if (isRefusal(baseMs)) return baseMs;
  const capMs = parseDuration(to);
  if (isRefusal(capMs)) return capMs;
  if (baseMs < 1) return { error: `"${text}" starts below 1ms` };
  if (capMs < baseMs) return { error: `"${text}" ends before it starts`, hint: `write ${to}..${from}` };
  return { baseMs, capMs };
}

const MOST_RETRIES = 10;

/** `retry`: `3` means three re-tries, four attempts in all. */
export const retrySchema = s.short(
  s.object(
    {
      max: s.integer({ doc: 'Re-tries after the first attempt; 0 is none', default: 2, min: 0, max: MOST_RETRIES }),
      when: s.list(retryCondition, {
        doc: 'What is tried again',
        default: ['connect', 'reset', 'timeout', 502, 503, 504],
        min: 1,
        single: true,
      }),
      backoff,
      replay: s.bytes({ doc: 'Largest request body kept for another attempt', default: '64KiB' }),
    },
    { doc: 'When a call is attempted again', name: 'retry' },
  ),
  s.integer({ doc: 'Re-tries after the first attempt', min: 0, max: MOST_RETRIES }),
  'max',
);

/** `breaker`; null for none. */
export const breakerSchema = s.off(
  s.object(
    {
      failures: s.percent({ doc: 'Share of failed attempts at which it opens', default: '50%', min: '1%' }),
      min: s.integer({ doc: 'Fewest attempts in the window to judge by', default: 20, min: 1 }),
      window: s.duration({ doc: 'How far back attempts count', default: '10s', min: '100ms' }),
      open: s.duration({ doc: 'How long it stays open before a probe', default: '30s', min: '10ms' }),
    },
    { doc: 'Stops calling what keeps failing', name: 'breaker' },
  ),
);

export type BreakerSettings = NonNullable<s.Infer<typeof breakerSchema>>;

/** `retry_budget`: retries are at most `ratio` of the requests of the last 10 s, plus `min`. */
export const retryBudgetSchema = s.object(
  {
    ratio: s.percent({ doc: 'Retries as a share of requests', default: '20%' }),
    min: s.rate({ doc: 'Retries allowed at any traffic', default: '3/s' }),
  },
  { doc: 'How far retries may add to the load, over all routes', name: 'retry_budget' },
);

export type BudgetSettings = s.Infer<typeof retryBudgetSchema>;
