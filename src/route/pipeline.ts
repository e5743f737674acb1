// The policies of one route as a flat loop: in through every gate, then the call; out again in reverse over those entered.
import type { Exchange, Unwinding } from '../exchange/exchange.ts';
import { defineProblem } from '../exchange/problem.ts';
import type { BodyLimits } from '../exchange/request-body.ts';
import type { Policy, Verdict } from '../policies/policy.ts';
import { crash, type IncidentLog } from './crash.ts';

const GATE_TIMEOUT = defineProblem('policy.timeout', 504, 'A policy took too long', 'proxy_internal_error');

export class Pipeline implements Unwinding {
  readonly #policies: readonly Policy[];
  readonly #body: BodyLimits;
  readonly #timeoutMs: number;
  readonly #call: (x: Exchange) => void;
  readonly #incidents: IncidentLog;

  /**
   * @param body what the route allows a request body, whoever asks for it.
   * @param timeoutMs longest that a gate which waits may take; not once middleware answers, nor while the request body still comes, which
   * has bounds of its own.
   * @param call what follows the last gate.
   * @param incidents where a policy that throws is logged: that is a bug, not a verdict.
   */
  constructor(
    policies: readonly Policy[],
    body: BodyLimits,
    timeoutMs: number,
    call: (x: Exchange) => void,
    incidents: IncidentLog,
  ) {
    this.#policies = policies;
    this.#body = body;
    this.#timeoutMs = timeoutMs;
    this.#call = call;
    this.#incidents = incidents;
  }

  enter(x: Exchange): void {
    x.unwinding = this;
    if (x.body.present) x.body.limit(this.#body);
    this.#gates(x, 0);
  }

  #gates(x: Exchange, from: number): void {
    const policies = this.#policies;
    for (let i = from; i < policies.length; i++) {
      x.entered = i + 1;
      const verdict = policies[i]?.onRequest?.(x);
      if (verdict === undefined) continue;
      if (typeof verdict === 'object' && 'then' in verdict) return this.#wait(x, verdict, i + 1);
      return this.#stop(x, verdict);
    }
    this.#call(x);
  }

  /** The uncommon path: a gate waits, for a body or for something of its own. */
  #wait(x: Exchange, pending: Promise<Verdict>, next: number): void {
    let late = false;
    const timer =
      this.#timeoutMs === Number.POSITIVE_INFINITY
        ? undefined
        : setTimeout(() => {
            if (x.res.headersSent || (x.body.present && !x.body.complete)) return;
            late = true;
            x.reply.refuse(x.refuse(GATE_TIMEOUT, 'a policy of this route did not decide in time'));
          }, this.#timeoutMs);
    pending
      .then((verdict) => {
        clearTimeout(timer);
        // Answered by a drain, a reload or its own time, it may still wait to go out.
        if (late || x.ended || x.reply.started) return;
        if (verdict === undefined) this.#gates(x, next);
        else this.#stop(x, verdict);
      })
      .catch((error: unknown) => {
        clearTimeout(timer);
        if (late) this.#incidents(x, error);
        else crash(x, error, this.#incidents);
      });
  }

  #stop(x: Exchange, verdict: Exclude<Verdict, undefined>): void {
    if (verdict === 'answered') {
      // Express middleware has written to the response itself; a policy of ours has filled in the head.
      if (!x.res.headersSent) x.reply.complete('');
    } else x.reply.refuse(verdict);
  }

  onResponse(x: Exchange): void {
    try {
      for (let i = x.entered - 1; i >= 0; i--) this.#policies[i]?.onResponse?.(x);
    } catch (error) {
      this.#replace(x, error);
    }
  }

  onUnwritable(x: Exchange, error: unknown): void {
    x.answerHeaders = undefined;
    this.#replace(x, error);
  }

  /** The answer is replaced by one of ours, which nobody changes any more. */
  #replace(x: Exchange, error: unknown): void {
    x.unwinding = { onResponse: () => {}, onEnd: (ended) => this.onEnd(ended) };
    crash(x, error, this.#incidents);
  }

  onEnd(x: Exchange): void {
    for (let i = x.entered - 1; i >= 0; i--) {
      // What one of them fails to give back keeps no other from it.
      try {
        this.#policies[i]?.onEnd?.(x);
      } catch (error) {
        this.#incidents(x, error);
      }
    }
  }

  /** Whether a policy holds something that is to be closed. */
  get closes(): boolean {
    return this.#policies.some((policy) => policy.close !== undefined);
  }

  async close(): Promise<void> {
    await Promise.all(this.#policies.map(async (policy) => policy.close?.()));
  }
}
