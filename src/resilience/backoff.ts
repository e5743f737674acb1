// How long to wait before another attempt, and whether there is time for it at all.
import type { Backoff } from './settings.ts';

/**
 * Full jitter: anything from 0 to a bound that doubles with each retry, on top of what the upstream asked for.
 *
 * @param retry 1 for the first re-try.
 * @param retryAfterMs what `Retry-After` said, 0 when it said nothing.
 * @param remainingMs until the deadline; `Infinity` without one.
 * @returns milliseconds, or undefined when the attempt would start past the deadline.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(
  { baseMs, capMs }: Backoff,
  retry: number,
  retryAfterMs: number,
  remainingMs: number,
  random: () => number = Math.random,
): number | undefined {
  const boundMs = Math.min(capMs, baseMs * 2 ** (retry - 1));
  const waitMs = retryAfterMs + random() * boundMs;
  return waitMs < remainingMs ? waitMs : undefined;
}
