// The carrier's quota: so many calls in each second of the clock, told in headers on every answer.
import type { ServerResponse } from 'node:http';

const PER_SECOND = 10;

export class Quota {
  #second = 0;
  #used = 0;

  /** Takes one call off, and tells the client what is left. False: it has had too many. */
  take(response: ServerResponse): boolean {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#used = 0;
    }
    const isWithin = this.#used < PER_SECOND;
    if (isWithin) this.#used++;
    else response.setHeader('retry-after', '1');
    response.setHeader('x-ratelimit-limit', String(PER_SECOND));
    response.setHeader('x-ratelimit-remaining', String(PER_SECOND - this.#used));
    // Unix time, as many have it.
    response.setHeader('x-ratelimit-reset', String(second + 1));
    return isWithin;
  }
}
