// The story of an answer that several calls make up: the client's body → the calls, each as soon as it can be made → one answer.
import type { Exchange, ExchangeCall, FailedCall } from '../../exchange/exchange.ts';
import type { Problem } from '../../exchange/problem.ts';
import type { Contract } from '../../json/contract.ts';
import { type Alarm, alarms } from '../../resilience/alarm.ts';
import { answerNothing, refuseBody } from '../../upstream/failure.ts';
import { jsonBodyOf, NO_JSON } from '../client-body.ts';
import { pass } from '../facade.ts';
import type { Mapping } from '../mapping/mapping.ts';
import { refuseMapping } from '../refuse-mapping.ts';
import { variablesOf } from '../variables.ts';
import { type CallResult, objectOf } from './call-result.ts';
import { type Outcome, type Part, PartCall } from './part.ts';
import { CALLS_DRIFTED, CALLS_MAPPING, CALLS_TIMEOUT } from './problems.ts';

/** A route with `calls`; resolved at load. Times in milliseconds, `Infinity` for none. */
export interface Composition {
  /** In the order of the file. None waits for another in a circle. */
  readonly parts: readonly Part[];
  readonly bodyMaxBytes: number;
  /** Over all calls, until the answer starts. */
  readonly answerMs: number;
  readonly totalMs: number;
  /** What the results, as one object, are held against, ... */
  readonly contract: Contract | undefined;
  /** ... and how they become our answer: as they are without one. */
  readonly mapping: Mapping | undefined;
  /** A bug: the exchange is answered with an incident. */
  readonly crash: (x: Exchange, error: unknown) => void;
}

/** Answers the exchange from several calls. Everything after this happens in events. */
export function compose(x: Exchange, composition: Composition): void {
  const composing = new Composing(x, composition);
  x.call = composing;
  composing.begin();
}

/** Names of the calls that the answer does without. */
const PARTIAL_HEADER = 'partial-results';
/** Failed attempts that are remembered for the log. */
const FAILED_MAX = 8;
/** Alarms may be this early. */
const EARLY_MS = 1;

class Composing implements ExchangeCall, Alarm {
  readonly #x: Exchange;
  readonly #composition: Composition;
  #bytes: Buffer = Buffer.alloc(0);
  #dueAt = Number.POSITIVE_INFINITY;
  readonly #running = new Map<Part, PartCall>();
  /** Of the calls that are over, by name. */
  readonly #results = new Map<string, CallResult>();
  /** How long it took until a call was over, those it waited for included. */
  readonly #pathMs = new Map<string, number>();
  readonly #failed: FailedCall[] = [];
  #over = false;
  /** @internal of the alarm. */
  dueAt = Number.POSITIVE_INFINITY;
  /** @internal of the alarm. */
  alarmPlace = -1;

  constructor(x: Exchange, composition: Composition) {
    this.#x = x;
    this.#composition = composition;
  }

  begin(): void {
    this.#guard(this.#begin());
  }

  /** The exchange is over: what is under way is cancelled. Idempotent. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    alarms.clear(this);
    this.#cancelRunning();
  }

  /** @internal the alarm: the time of all is up, whatever they are at. Calls that wait for an answer then say so themselves, first. */
  onDue(): void {
    setImmediate(() => {
      const isLate = this.#results.size < this.#composition.parts.length;
      if (isLate && !this.#over) this.#guard(this.#late());
    });
  }

  async #begin(): Promise<void> {
    const x = this.#x;
    const { bodyMaxBytes, answerMs, totalMs } = this.#composition;
    const bytes = await x.body.collect(bodyMaxBytes);
    if (this.#over) return;
    if (typeof bytes === 'string') return x.reply.refuse(refuseBody(x, bytes, bodyMaxBytes));
    this.#bytes = bytes;
    this.#dueAt = Math.min(Math.max(x.startedAt, x.body.completedAt) + answerMs, x.startedAt + totalMs);
    if (this.#dueAt !== Number.POSITIVE_INFINITY) alarms.set(this, this.#dueAt + EARLY_MS, performance.now());
    await this.#goOn();
  }

  /** Makes the calls that can be made now; when all are over, the answer. */
  async #goOn(): Promise<void> {
    const { parts } = this.#composition;
    if (this.#results.size === parts.length) return this.#answer();
    // A request that nobody can wait for is better not sent; what is under way says itself that it is late.
    if (performance.now() + EARLY_MS >= this.#dueAt) return this.#running.size > 0 ? undefined : this.#late();
    for (const part of parts) {
      const isNew = !this.#results.has(part.name) && !this.#running.has(part);
      if (isNew && part.needs.every((name) => this.#results.has(name))) this.#start(part);
    }
  }

  #start(part: Part): void {
    const call = new PartCall(this.#x, part, this.#dueAt, (settled, outcome) => this.#settle(settled, outcome));
    this.#running.set(part, call);
    const needed = new Map(part.needs.map((name) => [name, this.#results.get(name)?.value()]));
    this.#guard(call.start(this.#bytes, needed));
  }

  #settle(call: PartCall, outcome: Outcome): void {
    if (this.#over) return;
    const { part, x: sub } = call;
    this.#running.delete(part);
    this.#account(call);
    if (outcome.kind === 'result') this.#results.set(part.name, outcome.result);
    else if (!this.#doWithout(part, sub.reason)) return this.#fail(call, outcome);
    this.#guard(this.#goOn());
  }

  /** False: the answer needs it. */
  #doWithout(part: Part, reason: string): boolean {
    if (part.default === undefined) return false;
    this.#results.set(part.name, part.default);
    this.#failed.push({ call: part.name, reason });
    this.#x.partial = this.#failed;
    return true;
  }

  /** A call that the answer needs has failed: the others are of no use any more. */
  #fail({ part, x: sub }: PartCall, outcome: Exclude<Outcome, { kind: 'result' }>): void {
    const x = this.#x;
    this.finish();
    if (outcome.kind === 'fallback') {
      x.reason = sub.reason;
      x.status = sub.status;
      x.responseHeaders = sub.responseHeaders;
      x.reply.complete(outcome.body);
      return;
    }
    // Of all that failed it is this one that the log is to tell of.
    x.error = `${part.name}: ${sub.error === '' ? sub.detail : sub.error}`;
    x.extensions = { ...sub.extensions, call: part.name };
    x.reply.refuse(x.refuse(outcome.problem, sub.detail, sub.retryAfter));
  }

  /** The time is up: what is missing stays missing, which only some answers can bear. */
  async #late(): Promise<void> {
    const x = this.#x;
    const missing = this.#composition.parts.filter(({ name }) => !this.#results.has(name));
    this.#cancelRunning();
    const [needed] = missing.filter((part) => !this.#doWithout(part, CALLS_TIMEOUT.code));
    if (needed === undefined) return this.#answer();
    this.finish();
    x.error = `${needed.name} has no whole answer within the time of this route`;
    x.extensions = { call: needed.name };
    const problem = x.refuse(CALLS_TIMEOUT, x.error);
    answerNothing(x, problem, needed.to.terms);
  }

  async #answer(): Promise<void> {
    const x = this.#x;
    alarms.clear(this);
    const body = await this.#bodyOf(objectOf(this.#inOrder()));
    if (this.#over) return;
    if (typeof body !== 'string') return x.reply.refuse(body);
    const headers: [string, string][] = [['content-type', 'application/json']];
    if (this.#failed.length > 0) headers.push([PARTIAL_HEADER, this.#failedNames().join(', ')]);
    pass(x, 200, { body, headers });
  }

  async #bodyOf(results: CallResult): Promise<string | Problem> {
    const x = this.#x;
    const { contract, mapping } = this.#composition;
    // Where drift is only reported, a call that has failed is none: the log says that it has.
    const isHeld = contract !== undefined && (contract.rejects || this.#failed.length === 0) && contract.draw();
    const broken = isHeld ? contract.breachOf(results.loose(), results.size, x.requestId) : undefined;
    if (broken !== undefined && contract?.rejects) {
      x.error = `the answers of the calls do not match their schema at ${broken}`;
      return x.refuse(CALLS_DRIFTED, x.error);
    }
    if (mapping === undefined) return results.text();
    const request = mapping.variables.has('request') ? (jsonBodyOf(x, this.#bytes) ?? NO_JSON).value() : undefined;
    const variables = { status: 200, request, partial: this.#failedNames() };
    try {
      return await mapping.run(results, variablesOf(x, mapping.variables, variables), () => !x.ended);
    } catch (error) {
      return refuseMapping(x, error, CALLS_MAPPING);
    }
  }

  /** Results in the order of the file, not in that of their coming. */
  #inOrder(): ReadonlyMap<string, CallResult> {
    const { parts } = this.#composition;
    return new Map(
      parts.flatMap(({ name }) => {
        const result = this.#results.get(name);
        return result === undefined ? [] : [[name, result] as const];
      }),
    );
  }

  #failedNames(): readonly string[] {
    const failed = new Set(this.#failed.map(({ call }) => call));
    return this.#composition.parts.map(({ name }) => name).filter((name) => failed.has(name));
  }

  #cancelRunning(): void {
    for (const call of this.#running.values()) {
      call.cancel();
      this.#account(call);
    }
    this.#running.clear();
  }

  /** What the one access line of the exchange says of a call that is over. */
  #account({ part, x: sub, begunAt }: PartCall): void {
    const x = this.#x;
    const waitedMs = Math.max(0, ...part.needs.map((name) => this.#pathMs.get(name) ?? 0));
    const pathMs = waitedMs + performance.now() - begunAt;
    this.#pathMs.set(part.name, pathMs);
    x.upstreamMs = Math.max(x.upstreamMs, pathMs);
    x.attempts += sub.attempts;
    if (sub.error !== '') x.error = sub.error;
    if (sub.failed !== undefined) x.failed = [...(x.failed ?? []), ...sub.failed].slice(0, FAILED_MAX);
    const asked = x.upstream === '' ? [] : x.upstream.split(',');
    if (sub.upstream !== '' && !asked.includes(sub.upstream)) x.upstream = [...asked, sub.upstream].join(',');
  }

  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.#composition.crash(this.#x, error));
  }
}
