// What no real vendor has: a port on which it is told how to behave, and says how it was called.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson, textOf } from '../service.ts';
import type { Door } from './door.ts';

const DRIFTS = ['none', 'drop_eta', 'rename_amt'] as const;

/** How its answers differ from what it once promised. */
export type Drift = (typeof DRIFTS)[number];

const SECOND_MS = 1000;

/** `POST {"drift": "drop_eta", "down": true, "latency_ms": 500, "fail_one_in": 0}`, any of them; `GET` tells. */
export class Control {
  readonly #door: Door;
  #drift: Drift = 'none';
  /** Undefined: 20 to 60. */
  #latencyMs: number | undefined = undefined;
  /** 0: it never fails. */
  #failOneIn = 50;
  #served = 0;
  #received = 0;
  /** When calls of the last second came. */
  readonly #recentMs: number[] = [];
  #mostInASecond = 0;

  constructor(door: Door) {
    this.#door = door;
  }

  get drift(): Drift {
    return this.#drift;
  }

  latencyMs(): number {
    return this.#latencyMs ?? 20 + Math.random() * 40;
  }

  /** A call has come, whatever becomes of it. */
  count(): void {
    const now = performance.now();
    this.#received++;
    this.#recentMs.push(now);
    while ((this.#recentMs[0] ?? now) <= now - SECOND_MS) this.#recentMs.shift();
    this.#mostInASecond = Math.max(this.#mostInASecond, this.#recentMs.length);
  }

  /** In turn rather than by chance, so that nobody has to wait for it. */
  failsNow(): boolean {
    this.#served++;
    return this.#failOneIn > 0 && this.#served % this.#failOneIn === 0;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request);
    const wrong = request.method === 'POST' ? await this.#follow(text) : undefined;
    if (wrong !== undefined) return sendJson(response, 400, { error: wrong });
    return sendJson(response, 200, {
      drift: this.#drift,
      down: !this.#door.isOpen,
      latency_ms: this.#latencyMs ?? '20-60',
      fail_one_in: this.#failOneIn,
      calls: this.#received,
      most_in_a_second: this.#mostInASecond,
    });
  }

  /** Does as it is told, or says what it does not understand, and then does nothing. */
  async #follow(text: string): Promise<string | undefined> {
    const order = orderOf(text);
    if (typeof order === 'string') return order;
    const { drift, down, latency_ms, fail_one_in } = order;
    if (drift !== undefined) this.#drift = drift;
    if (latency_ms !== undefined) this.#latencyMs = latency_ms ?? undefined;
    if (fail_one_in !== undefined) this.#failOneIn = fail_one_in;
    if (down === true) await this.#door.shut();
    if (down === false) await this.#door.open();
    return undefined;
  }
}

interface Order {
  drift?: Drift;
  down?: boolean;
  latency_ms?: number | null;
  fail_one_in?: number;
}

function orderOf(text: string): Order | string {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    said = undefined;
  }
  if (typeof said !== 'object' || said === null) return 'a JSON object is expected';
  const order: Order = {};
  for (const [name, value] of Object.entries(said)) {
    const drift = DRIFTS.find((each) => each === value);
    const isCount = Number.isInteger(value) && value >= 0;
    if (name === 'drift' && drift !== undefined) order.drift = drift;
    else if (name === 'down' && typeof value === 'boolean') order.down = value;
    else if (name === 'latency_ms' && (isCount || value === null)) order.latency_ms = value;
    else if (name === 'fail_one_in' && isCount) order.fail_one_in = value;
    else return `${name}: not known, or not with this value; drift is one of ${DRIFTS.join(', ')}`;
  }
  return order;
}
