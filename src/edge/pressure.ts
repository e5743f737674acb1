// The heap close to its limit: new requests are refused while there is still room to end those under way. At the limit itself
// the process dies, and all of them with it.
import { getHeapStatistics } from 'node:v8';
import { defineProblem } from '../exchange/problem.ts';

export const OVERLOADED = defineProblem(
  'gateway.overloaded',
  503,
  'The gateway is short of memory',
  'destination_unavailable',
  { closes: true },
);

const SAMPLE_MS = 200;
/** Shares of what can be used, garbage included. Apart, so that one answer more or less does not make it flap. */
const SHED_FROM = 0.9;
const SHED_TO = 0.8;
/** V8 counts its young generation (three semi-spaces of 32 MiB) into the limit; what lives on has no use of it. */
const YOUNG_BYTES = 96 * 2 ** 20;
const LEAST_USABLE = 0.6;

export class HeapPressure {
  /** New requests are to be refused. */
  shedding = false;
  readonly #onChange: (shedding: boolean, usedBytes: number) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(onChange: (shedding: boolean, usedBytes: number) => void) {
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
    const usableBytes = Math.max(limitBytes - YOUNG_BYTES, limitBytes * LEAST_USABLE);
    const shedding = usedBytes > usableBytes * (this.shedding ? SHED_TO : SHED_FROM);
    if (shedding === this.shedding) return;
    this.shedding = shedding;
    this.#onChange(shedding, usedBytes);
  }
}
