// What is left to say of a call that got no answer.
import type { Failure } from './outcome.ts';

/** Why a call ended without an answer. */
export type CallFailure =
  | { readonly kind: 'breaker_open'; readonly retryAfterS: number }
  | { readonly kind: 'no_target' }
  /** The upstream's concurrency is used up. */
  | { readonly kind: 'busy' }
  /** The answer, or the whole exchange, took too long. */
  | { readonly kind: 'deadline'; readonly limit: 'answer' | 'total' }
  /** The client stopped sending its request. */
  | { readonly kind: 'stalled' }
  | { readonly kind: 'attempt'; readonly failure: Failure };

export const NO_TARGET: CallFailure = { kind: 'no_target' };
export const ANSWER_DUE: CallFailure = { kind: 'deadline', limit: 'answer' };
export const TOTAL_DUE: CallFailure = { kind: 'deadline', limit: 'total' };
export const BUSY: CallFailure = { kind: 'busy' };
export const STALLED: CallFailure = { kind: 'stalled' };
