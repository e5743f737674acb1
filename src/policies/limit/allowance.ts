// All limits that one kind of caller has on one route, asked together and charged together.
import type { Exchange } from '../../exchange/exchange.ts';
import { type Bucket, type Gcra, toTick } from '../../store/gcra.ts';
import type { BucketTable } from '../../store/memory.ts';
import { stateKey } from '../../store/state-key.ts';
import type { Counter } from '../../telemetry/instruments.ts';
import { subscriber } from '../../tenant/address.ts';
import type { Env } from '../policy.ts';

/** Who shares one bucket. */
export type Caller = 'tenant' | 'client' | 'key' | 'route';

/** Whose rule it is. */
export type Scope = 'route' | 'plan';

/** One limit, compiled. */
export interface Check {
  readonly scope: Scope;
  readonly caller: Caller;
  readonly gcra: Gcra;
  readonly table: BucketTable;
  /** Ends the sentence of a refusal: `on create-order`. */
  readonly where: string;
  readonly allowed: Counter;
  readonly rejected: Counter;
}

export class Allowance {
  readonly #limits: readonly NamedCheck[];
  readonly #hasStandard: boolean;
  readonly #hasLegacy: boolean;
  readonly #policyHeader: string;

  constructor(checks: readonly Check[], headers: Env['ratelimitHeaders']) {
    this.#limits = withNames(checks);
    this.#hasStandard = headers.includes('standard');
    this.#hasLegacy = headers.includes('legacy');
    this.#policyHeader = this.#limits.map((limit) => limit.policyItem).join(', ');
  }

  /** Charges every limit, or none when one of them refuses; says on the exchange what is left, or when to come back. */
  admits(x: Exchange): boolean {
    if (this.#limits.length === 0) return true;
    const nowMs = toTick(x.startedAt);
    let waitMs = 0;
    let refusing: NamedCheck | undefined;
    for (const limit of this.#limits) {
      const limitWaitMs = limit.ask(x, nowMs);
      if (limitWaitMs <= 0) continue;
      limit.check.rejected.value++;
      if (limitWaitMs > waitMs) {
        waitMs = limitWaitMs;
        refusing = limit;
      }
    }
    if (refusing !== undefined) this.#refuse(x, refusing, seconds(waitMs));
    else this.#charge(x, nowMs);
    return refusing === undefined;
  }

  #refuse(x: Exchange, limit: NamedCheck, retryAfterSeconds: number): void {
    this.#tell(x, limit, 0, retryAfterSeconds);
    x.detail = limit.sentence(x);
    x.limit = limit.logName;
    x.retryAfter = retryAfterSeconds;
  }

  #charge(x: Exchange, nowMs: number): void {
    let tightest: NamedCheck | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const limit of this.#limits) {
      const remaining = limit.charge(nowMs);
      // Of two that are as tight, the one that stays so for longer.
      if (remaining < least || (remaining === least && limit.isSlowerThan(tightest))) {
        least = remaining;
        tightest = limit;
      }
    }
    if (tightest !== undefined) this.#tell(x, tightest, least, tightest.resetSeconds(least, nowMs));
  }

  #tell(x: Exchange, limit: NamedCheck, remaining: number, resetSeconds: number): void {
    if (this.#hasStandard) {
      const rateLimit = `${limit.item};r=${remaining};t=${resetSeconds}`;
      x.addAnswerHeaders(['RateLimit-Policy', this.#policyHeader, 'RateLimit', rateLimit]);
    }
    if (this.#hasLegacy) {
      const left = ['X-RateLimit-Remaining', String(remaining), 'X-RateLimit-Reset', String(resetSeconds)];
      x.addAnswerHeaders(['X-RateLimit-Limit', limit.legacyLimit, ...left]);
    }
  }
}

/** A check with its name in headers (draft-ietf-httpapi-ratelimit-headers-11), its texts made once. */
class NamedCheck {
  readonly check: Check;
  /** `"min"`, of `RateLimit`. */
  readonly item: string;
  /** `"min";q=100;w=60`, of `RateLimit-Policy`. */
  readonly policyItem: string;
  readonly legacyLimit: string;
  /** `plan 100/min`, of the access log: the label of its decisions, and its rate. */
  readonly logName: string;
  /** ` may send 100 requests per minute on create-order`, of a refusal. */
  readonly #maySend: string;
  /** A copy of the caller's, and where it is kept, from `ask` until `charge`: both run in one turn, with nothing in between. */
  readonly #bucket: Bucket = { tatMs: 0 };
  #place = 0;

  constructor(check: Check, name: string) {
    const { limit, windowMs } = check.gcra;
    const window = WINDOWS.get(windowMs);
    this.check = check;
    this.item = `"${name}"`;
    this.policyItem = `${this.item};q=${limit};w=${windowMs / 1000}`;
    this.legacyLimit = String(limit);
    this.logName = `${check.scope === 'plan' ? 'plan' : 'limit'} ${limit}/${window?.unit}`;
    this.#maySend = ` may send ${limit} request${limit === 1 ? '' : 's'} per ${window?.word} ${check.where}`;
  }

  /** Milliseconds until the limit would admit this request; 0 or less: now. */
  ask(x: Exchange, nowMs: number): number {
    const { table, caller, gcra } = this.check;
    this.#place = table.place(callerKey(caller, x), nowMs);
    this.#bucket.tatMs = table.get(this.#place);
    return gcra.waitMs(this.#bucket, nowMs);
  }

  /** Takes one for the request that was asked for; returns how many are left. */
  charge(nowMs: number): number {
    const { allowed, gcra, table } = this.check;
    allowed.value++;
    gcra.charge(this.#bucket, nowMs);
    table.set(this.#place, this.#bucket.tatMs);
    return gcra.remaining(this.#bucket, nowMs);
  }

  /** How long `remaining` is true: until the next one when none is left, else until all are back. */
  resetSeconds(remaining: number, nowMs: number): number {
    const { gcra } = this.check;
    return seconds(remaining === 0 ? gcra.waitMs(this.#bucket, nowMs) : gcra.fullAtMs(this.#bucket, nowMs) - nowMs);
  }

  isSlowerThan(other: NamedCheck | undefined): boolean {
    return other !== undefined && this.check.gcra.windowMs > other.check.gcra.windowMs;
  }

  sentence(x: Exchange): string {
    return callerName(this.check.caller, x) + this.#maySend;
  }
}

const WINDOWS: ReadonlyMap<number, { readonly unit: string; readonly word: string }> = new Map([
  [1000, { unit: 's', word: 'second' }],
  [60_000, { unit: 'min', word: 'minute' }],
  [3_600_000, { unit: 'h', word: 'hour' }],
]);

/** A limit is named by the unit of its window, and where two share one, the second by whose it is as well. */
function withNames(checks: readonly Check[]): readonly NamedCheck[] {
  const names = new Set<string>();
  return checks.map((check) => {
    const unit = WINDOWS.get(check.gcra.windowMs)?.unit ?? '';
    const name = names.has(unit) ? `${check.scope}-${unit}` : unit;
    names.add(name);
    return new NamedCheck(check, name);
  });
}

function callerKey(caller: Caller, x: Exchange): string {
  if (caller === 'tenant') return x.tenant?.id ?? '';
  if (caller === 'client') return subscriber(x.clientAddress);
  return caller === 'key' ? stateKey(x.tenant?.id ?? '', x.keyId) : '';
}

function callerName(caller: Caller, x: Exchange): string {
  if (caller === 'tenant') return x.tenant?.id ?? 'one tenant';
  if (caller === 'client') return 'one address';
  return caller === 'key' ? `one key of ${x.tenant?.id}` : 'all callers together';
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
