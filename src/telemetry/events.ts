// Events of the gateway (breaker, ejection, reload, drain) as JSON lines with a stable `event` name.
import { pino } from 'pino';
import type { LogSink } from './log-sink.ts';
import { isSecretName, REDACTED } from './secrets.ts';

/** Least urgent first; `log.level` is the least urgent one that is written. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'error';

export interface EventLog {
  /** Writes an event. Names are stable, in snake case; fields that may hold a secret are blanked by their name. */
  log(level: EventLevel, event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Fields nested deeper than this are left out. */
const MAX_DEPTH = 4;

/**
 * An event log of `level` and above, in the same sink as the access log.
 *
 * @example
 * const events = createEventLog(sink, 'info');
 * events.log('warn', 'breaker_open', { upstream: 'orders', failures: 12 });
 */
export function createEventLog(sink: LogSink, level: EventLevel): EventLog {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  return {
    log(eventLevel, event, fields = {}) {
      if (logger.isLevelEnabled(eventLevel)) logger[eventLevel]({ event, ...redactFields(fields, MAX_DEPTH) });
    },
  };
}

function redactFields(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isSecretName(name) ? REDACTED : plain(value, depth - 1)]),
  );
}

/** A value as JSON can hold it: errors keep what helps to find them, and nothing else of theirs. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return plainError(value, depth);
  if (value instanceof Date) return value.toISOString();
  if (depth <= 0) return '[…]';
  if (value instanceof Map) return redactFields(Object.fromEntries(value), depth);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => plain(item, depth - 1));
  return redactFields(value, depth);
}

function plainError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? { code: plain(error.code, 0) } : {};
  return {
    name,
    message,
    stack,
    ...code,
    ...(cause === undefined || depth <= 0 ? {} : { cause: plain(cause, depth - 1) }),
  };
}
