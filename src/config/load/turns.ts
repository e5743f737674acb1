// Long work in short turns: what is loaded while requests are served lets them go in between.
import { setTimeout as delay } from 'node:timers/promises';

/** Longest that a load holds up the requests being served. */
const TURN_MS = 2;
/** Theirs until the next turn: one that is passed on waits for the event loop several times before it is answered. */
const REST_MS = 2;

/** Whoever has much to do asks now and then whether its turn is over, and rests when it is. */
export interface Turns {
  readonly isOver: boolean;
  rest(): Promise<void>;
}

/** For a process that serves. */
export class ShortTurns implements Turns {
  #beganAt = performance.now();

  get isOver(): boolean {
    return performance.now() - this.#beganAt > TURN_MS;
  }

  async rest(): Promise<void> {
    await delay(REST_MS);
    this.#beganAt = performance.now();
  }
}

/** For a process with nothing else to do: one turn that is never over. */
export const ONE_TURN: Turns = { isOver: false, rest: () => Promise.resolve() };
