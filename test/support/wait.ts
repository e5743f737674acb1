// Waiting for things that happen outside the test: an event when there is one, a bounded poll when there is none.

/** Far longer than anything takes: a busy machine must not fail a test, and what comes ends the wait. */
const DEFAULT_TIMEOUT_MS = 60_000;
const POLL_MS = 5;

/** Rejects with `what` when `promise` has not settled in time; a hang then names itself. */
export async function within<T>(promise: Promise<T>, what: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no ${what} within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Polls until `probe` returns something other than undefined or false, and returns that. The last resort, for what raises no
 * event here: another process's metric, a socket count.
 */
export async function eventually<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`no ${what} within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
