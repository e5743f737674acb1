// The way down: clients are asked to close their connections, exchanges under way may end by themselves, and those that
// take too long are told so, or cut.

import type { Server } from 'node:http';
import type { LiveExchanges } from '../exchange/live.ts';
import { defineProblem } from '../exchange/problem.ts';
import { RETRY_ELSEWHERE_S } from './capacity.ts';

const DRAINING = defineProblem(
  'gateway.draining',
  503,
  'The gateway shut down before there was an answer',
  'destination_unavailable',
  { closes: true },
);

/** For the last answers to go out. A client that does not read keeps no process alive. */
const LAST_WORDS_MS = 1_000;

/** Whoever answers what is under way, the connection closes after it. */
export function closeAfterAnswers(live: LiveExchanges): void {
  for (const x of live.all()) x.res.shouldKeepAlive = false;
}

/**
 * `server.close()` closes idle connections, and Node takes one for idle as soon as it has been given all of the answer: one whose client reads
 * slowly would be cut.
 */
export function closeOnlyIdle(server: Server, live: LiveExchanges): void {
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    const unsent = live.all().filter(({ res }) => res.writableEnded);
    // What Node goes by; `writableEnded` is the same to everyone else.
    for (const { res } of unsent) res.finished = false;
    closeIdle();
    for (const { res } of unsent) res.finished = true;
  };
}

/** Ends what has outlasted the grace: 503 where nothing has been answered, a cut where an answer has begun. */
export function endExchanges(live: LiveExchanges): NodeJS.Timeout {
  for (const x of live.all()) {
    if (x.reply.started) x.reply.abort('drain_timeout');
    else x.reply.refuse(x.refuse(DRAINING, 'it took longer than a shutdown waits', RETRY_ELSEWHERE_S));
  }
  return setTimeout(() => {
    for (const x of live.all()) x.reply.abort('drain_timeout');
  }, LAST_WORDS_MS);
}
