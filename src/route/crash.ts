// A bug, ours or a policy's: answered with an incident ID, logged once with its stack.
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem } from '../exchange/problem.ts';

const INTERNAL = defineProblem('internal', 500, 'The gateway failed', 'proxy_internal_error');

/** Logs an error and returns its incident ID. */
export type IncidentLog = (x: Exchange, error: unknown) => string;

/** Ends an exchange on which something was thrown. */
export function crash(x: Exchange, error: unknown, log: IncidentLog): void {
  const incident = log(x, error);
  if (x.ended) return;
  x.extensions = { incident };
  x.reply.refuse(x.refuse(INTERNAL, `the reason is in the gateway's log under incident ${incident}`));
}
