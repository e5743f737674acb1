// What need not be done at once is done when the event loop has looked at every socket: one immediate for all of it.
import { AsyncLocalStorage } from 'node:async_hooks';

/** Of no request and no module: what is done for all is not done on behalf of the one that came first. */
const onNobodysBehalf = AsyncLocalStorage.snapshot();

/** Does the same to everything that comes in one round of the event loop, in order, when the round ends. */
export class RoundsEnd<T> {
  readonly #act: (one: T) => void;
  #waiting: T[] = [];

  /** @param act whatever it throws is uncaught; what comes behind has its turn in the next round. */
  constructor(act: (one: T) => void) {
    this.#act = act;
  }

  add(one: T): void {
    if (this.#waiting.push(one) === 1) onNobodysBehalf(setImmediate, this.#end);
  }

  readonly #end = (): void => {
    const all = this.#waiting;
    this.#waiting = [];
    let acted = 0;
    try {
      for (const one of all) {
        acted++;
        this.#act(one);
      }
    } finally {
      if (acted < all.length) for (const one of all.slice(acted)) this.add(one);
    }
  };
}
