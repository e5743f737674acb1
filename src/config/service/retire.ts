// How what is no longer in service goes: closed whole, whatever one part of it does.
import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from './compile.ts';
import type { Host } from './host.ts';

const CLOSE_LIMIT_MS = 5_000;

interface Closable {
  close?(): Promise<void>;
}

/** Closes what `old` had and `now` does not use. After the last exchange on `old` has ended. */
export async function retire(old: Service, now: Service | undefined, host: Host): Promise<void> {
  for (const [label, breaker] of old.breakers) if (now?.breakers.get(label) !== breaker) breaker.shutdown();
  const upstreams = [...old.upstreams.values()].filter((each) => now?.upstreams.get(each.name) !== each);
  const integrations = [...old.integrations.values()].filter((each) => now?.integrations.get(each.name) !== each);
  const routes = [...old.snapshot.routes.values()].filter(({ closes }) => closes);
  await closeAll([...routes, ...upstreams, ...integrations], host);
}

/** An own policy that fails to close, or never does, keeps nobody else from closing. Never rejects. */
export async function closeAll(all: readonly Closable[], { events }: Host): Promise<void> {
  const inTime = new AbortController();
  const limit = delay(CLOSE_LIMIT_MS, undefined, { signal: inTime.signal }).then(
    () => events.log('warn', 'close_timeout', { after_ms: CLOSE_LIMIT_MS }),
    () => undefined,
  );
  const closing = all.map(async (each) => {
    try {
      await each.close?.();
    } catch (error) {
      events.log('error', 'close_failed', { error });
    }
  });
  await Promise.race([Promise.all(closing), limit]);
  inTime.abort();
}
