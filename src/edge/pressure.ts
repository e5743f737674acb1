// The process at its limits: new requests are refused while there is still memory to end those under way, and while the event
// loop still gets round to probes. At the limit itself the process dies or stands still, and all of them with it.
import { getHeapStatistics } from 'node:v8';
import { defineProblem } from '../exchange/problem.ts';

export const OVERLOADED = defineProblem(
  'gateway.overloaded',
  503,
  'The gateway has more to do than it can',
  'destination_unavailable',
  { closes: true },
);

/** What there is too little of: heap, or turns of the event loop. */
export type Shortage = 'memory' | 'time';

export interface Strain {
  readonly heapUsedBytes: number;
  /** How late the event loop ran what was due. */
  readonly lateMs: number;
}

const SAMPLE_MS = 200;
/** Shares of what can be used, garbage included. Apart, so that one answer more or less does not make it flap. */
const SHED_FROM = 0.9;
const SHED_TO = 0.8;
/** V8 counts its young generation (three semi-spaces of 32 MiB) into the limit; what lives on has no use of it. */
const YOUNG_BYTES = 96 * 2 ** 20;
const LEAST_USABLE = 0.6;
/** A turn of the event loop that takes so long keeps everyone waiting for as long. */
const LATE_MS = 500;
/** In a row: one long turn (a reload, a suspended machine) is over when it is noticed, and nothing is won by refusing then. */
const LATE_SAMPLES = 5;

export class Pressure {
  /** New requests are to be refused for want of this. */
  shortOf: Shortage | undefined = undefined;
  readonly #onChange: (shortOf: Shortage | undefined, strain: Strain) => void;
  readonly #timer: NodeJS.Timeout;
  #sampledAt = performance.now();
  #lateSamples = 0;

  constructor(onChange: (shortOf: Shortage | undefined, strain: Strain) => void) {
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const now = performance.now();
    const lateMs = Math.max(0, Math.round(now - this.#sampledAt - SAMPLE_MS));
    this.#sampledAt = now;
    this.#lateSamples = lateMs < LATE_MS ? 0 : this.#lateSamples + 1;
    const { used_heap_size: heapUsedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
    const usableBytes = Math.max(limitBytes - YOUNG_BYTES, limitBytes * LEAST_USABLE);
    const isFull = heapUsedBytes > usableBytes * (this.shortOf === 'memory' ? SHED_TO : SHED_FROM);
    const shortOf = isFull ? 'memory' : this.#lateSamples >= LATE_SAMPLES ? 'time' : undefined;
    if (shortOf === this.shortOf) return;
    this.shortOf = shortOf;
    this.#onChange(shortOf, { heapUsedBytes, lateMs });
  }
}
