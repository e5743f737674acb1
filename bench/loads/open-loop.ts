// A load that does not wait for answers: requests are due at random moments of a fixed mean rate, and each one's time counts
// from when it was due, also when every connection was busy then. A stall is thus seen by all it held up.
import type { Load } from '../scenario.ts';
import { script } from './script.ts';

export interface OpenLoopTerms {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  /** Requests a second. */
  readonly rate: number;
}

/** GETs that must all be answered 200. The terms may depend on what is found out at the port. */
export function openLoop(
  terms: (port: number, options: { readonly directory: string }) => OpenLoopTerms | Promise<OpenLoopTerms>,
): Load {
  return script('open-loop-client.ts', terms, { spins: true });
}
