// The client's request body: bytes that pass through untouched, are kept for a retry, or are collected for a policy.
import type { Readable } from 'node:stream';

/** Why a body could not be had. */
export type BodyFailure = 'too_large' | 'stalled' | 'aborted' | 'already_read' | 'framing_trailer';

/** Who streams a body; told each of these at most once. */
export interface BodyListener {
  /** The last byte has come. */
  bodyComplete(): void;
  bodyFailed(failure: BodyFailure): void;
}

/** What a route allows a request body; `Infinity` for no bound. */
export interface BodyLimits {
  /** May come at all. */
  readonly maxBytes: number;
  /** Are kept for another attempt. */
  readonly replayBytes: number;
  /** How long no byte may come, and how far the body may fall behind its least rate (see `overdueAt`). */
  readonly stallMs: number;
  /** `collect` also gives up when the body is not complete so long after its head. */
  readonly totalMs: number;
}

/** Where the body of an attempt goes. */
export interface Outlet {
  /** The kernel has all that was given to it: its memory is needed no more. */
  readonly sent: boolean;
}

/** Implemented by `edge/client-body.ts`. Times are monotonic milliseconds (`performance.now()`). */
export interface RequestBody {
  /** Whether the client announced a body (Content-Length > 0 or chunked). */
  readonly present: boolean;
  /** From Content-Length; undefined when chunked or absent. */
  readonly length: number | undefined;
  /** The whole body, once `collect` has had it; the same bytes are forwarded. */
  readonly bytes: Buffer | undefined;
  /** Whether another attempt could send the same bytes. */
  readonly replayable: boolean;
  /** The last byte has come, at `completedAt`. */
  readonly complete: boolean;
  readonly completedAt: number;
  /** When the last byte so far came. */
  readonly movedAt: number;
  /**
   * When the client has sent too slowly, should it send nothing more until then: behind the least rate by more than `stallMs`. Time in
   * which nobody took its bytes is not held against it. `Infinity` before the body was asked for.
   */
  readonly overdueAt: number;
  /** Bytes so far. */
  readonly received: number;
  /** The client may have more to send, but nobody takes it: the far side is slow. */
  readonly heldBack: boolean;
  readonly failure: BodyFailure | undefined;
  /** Set once the route is known, before anyone asks for the body. */
  limit(limits: BodyLimits): void;
  /** From now on this listener is told what becomes of the body. */
  follow(listener: BodyListener): void;
  /** Collects the whole body, at most `maxBytes`. Sends 100-continue when the client waits for it. */
  collect(maxBytes: number): Promise<Buffer | BodyFailure>;
  /** The body for one attempt, from its first byte (see `replayable`); null when there is none. */
  open(outlet: Outlet): Readable | Buffer | null;
  /** The attempt that took it is over: what the client still sends waits for the next `open`. */
  release(): void;
}
