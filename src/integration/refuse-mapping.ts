// A mapping that made nothing, as the client gets it.
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import { MappingError } from './mapping/expression.ts';
import { MAPPINGS_BUSY } from './problems.ts';

const RETRY_SOON_S = 1;
/** Too many wait for a thread, or one took longer there than it may: not the fault of what is mapped alone. */
const OVERLOAD = new Set(['busy', 'limit', 'D1012']);

/** @param otherwise what it is unless the gateway has too much to map. @throws what is no failure of a mapping: a bug */
export function refuseMapping(x: Exchange, error: unknown, otherwise: Problem): Problem {
  if (!(error instanceof MappingError)) throw error;
  x.error = error.message;
  return OVERLOAD.has(error.code)
    ? x.refuse(MAPPINGS_BUSY, error.message, RETRY_SOON_S)
    : x.refuse(otherwise, error.message);
}
