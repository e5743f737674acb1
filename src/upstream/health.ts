// Active health: each target is asked on a connection of its own, at its own pace.

import { Client } from 'undici';
import { messageOf } from '../telemetry/thrown.ts';
import type { Connector } from './connector.ts';
import type { HealthSettings } from './settings.ts';
import type { Target } from './target.ts';

const JITTER = 0.1;

export interface HealthHooks {
  onUnhealthy(target: Target, why: string): void;
  onHealthy(target: Target): void;
}

/**
 * Checks one target. Until the first result a target counts as healthy; that first result is believed at once, later ones only
 * after `fail` failures or `pass` passes in a row.
 */
export class HealthCheck {
  readonly #target: Target;
  readonly #settings: HealthSettings;
  readonly #hooks: HealthHooks;
  readonly #client: Client;
  #known: boolean;
  /** Results in a row that disagree with the target's state. */
  #against = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  #aborter: AbortController | undefined = undefined;
  #closed = false;

  /** @param known the target's state was found out by checks of an earlier configuration. */
  constructor(target: Target, settings: HealthSettings, known: boolean, connect: Connector, hooks: HealthHooks) {
    this.#target = target;
    this.#settings = settings;
    this.#known = known;
    this.#hooks = hooks;
    this.#client = new Client(target.origin, { connect, allowH2: false, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** The first check is made at once, the others spread out, so that many gateways do not ask in step. */
  start(): void {
    void this.#check();
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#aborter?.abort();
    return this.#client.destroy();
  }

  #schedule(): void {
    if (this.#closed) return;
    const delayMs = this.#settings.every * (1 + JITTER * (2 * Math.random() - 1));
    this.#timer = setTimeout(() => void this.#check(), delayMs).unref();
  }

  async #check(): Promise<void> {
    const why = await this.#ask();
    if (this.#closed) return;
    this.#judge(why);
    this.#schedule();
  }

  /** Why it failed; undefined when it passed. */
  async #ask(): Promise<string | undefined> {
    const aborter = new AbortController();
    this.#aborter = aborter;
    const { path, timeout } = this.#settings;
    const timer = setTimeout(() => aborter.abort(), timeout).unref();
    try {
      const { statusCode, body } = await this.#client.request({
        method: 'GET',
        path,
        headers: { 'user-agent': 'sluice-health' },
        // A new connection each time: what is asked is whether the target still takes one.
        reset: true,
        signal: aborter.signal,
      });
      await body.dump({ limit: 65_536, signal: aborter.signal });
      return statusCode < 400 ? undefined : `status ${statusCode}`;
    } catch (error) {
      if (aborter.signal.aborted) return `no answer within ${timeout} ms`;
      return messageOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #judge(why: string | undefined): void {
    const passed = why === undefined;
    if (!passed) this.#target.remember(`check: ${why}`);
    const agrees = passed !== this.#target.unhealthy;
    const first = !this.#known;
    this.#known = true;
    if (agrees) {
      this.#against = 0;
      return;
    }
    this.#against += 1;
    if (!first && this.#against < (passed ? this.#settings.pass : this.#settings.fail)) return;
    this.#against = 0;
    this.#target.unhealthy = !passed;
    if (passed) this.#hooks.onHealthy(this.#target);
    else this.#hooks.onUnhealthy(this.#target, why);
  }
}
