// What a vendor says of its own limits, in whichever of the usual headers.
import { retryAfterMs } from '../../resilience/retry-after.ts';

/** Calls left until the quota is renewed. */
interface VendorQuota {
  readonly remaining: number;
  readonly resetMs: number;
  /** The whole quota; undefined when it was not said. */
  readonly limit: number | undefined;
}

/** What the vendor asks for after this answer; milliseconds from now. */
export interface VendorWish {
  /** Send nothing for so long; 0: no such wish. */
  readonly pauseMs: number;
  /** Keep calls so far apart, for so long; undefined: no such wish. */
  readonly slow: { readonly spacingMs: number; readonly forMs: number } | undefined;
}

/** Longest pause that is honoured: a mistaken date must not silence an integration for a year. */
const PAUSE_MAX_MS = 600_000;
/** After a 429 that says no more. */
const PAUSE_UNSAID_MS = 1_000;
/** What is left is spread over the time to the reset once it is this share of the quota, or so few calls. */
const SCARCE_SHARE = 0.2;
const SCARCE_COUNT = 10;
/** A reset beyond this is a time of day, not a number of seconds (GitHub and others send Unix time). */
const EPOCH_FROM_S = 1_000_000_000;

const NO_WISH: VendorWish = { pauseMs: 0, slow: undefined };

/**
 * @param headers names in lower case
 * @param wallMs the wall clock, for dates
 */
export function vendorWish(
  status: number,
  headers: ReadonlyMap<string, string>,
  wallMs: number = Date.now(),
): VendorWish {
  const quota = vendorQuota(headers, wallMs);
  if (status === 429 || status === 503) {
    const said = retryAfterMs(headers.get('retry-after') ?? '', wallMs) ?? resetOf(status, quota);
    if (said > 0) return { pauseMs: Math.min(said, PAUSE_MAX_MS), slow: undefined };
  }
  if (quota === undefined || quota.resetMs <= 0) return NO_WISH;
  if (quota.remaining <= 0) return { pauseMs: Math.min(quota.resetMs, PAUSE_MAX_MS), slow: undefined };
  if (!isScarce(quota)) return NO_WISH;
  const forMs = Math.min(quota.resetMs, PAUSE_MAX_MS);
  return { pauseMs: 0, slow: { spacingMs: quota.resetMs / quota.remaining, forMs } };
}

/** A 503 without a word is an outage, which is the breaker's; a 429 always means "slower". */
function resetOf(status: number, quota: VendorQuota | undefined): number {
  if (status !== 429) return 0;
  return quota?.remaining === 0 && quota.resetMs > 0 ? quota.resetMs : PAUSE_UNSAID_MS;
}

function isScarce({ remaining, limit }: VendorQuota): boolean {
  return limit === undefined ? remaining <= SCARCE_COUNT : remaining <= limit * SCARCE_SHARE;
}

/**
 * Reads `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11, and the one-line form of its version 6), `RateLimit-Remaining`
 * with `RateLimit-Reset`, and `X-RateLimit-Remaining` with `X-RateLimit-Reset` (seconds, or Unix time). Of several quotas in
 * one header the one with the fewest calls left counts.
 */
function vendorQuota(headers: ReadonlyMap<string, string>, wallMs: number): VendorQuota | undefined {
  const structured = headers.get('ratelimit');
  if (structured !== undefined) return structuredQuota(structured, headers.get('ratelimit-policy') ?? '');
  for (const prefix of ['ratelimit-', 'x-ratelimit-', 'x-rate-limit-']) {
    const remaining = wholeNumber(headers.get(`${prefix}remaining`));
    const reset = wholeNumber(headers.get(`${prefix}reset`));
    if (remaining === undefined || reset === undefined) continue;
    const resetMs = reset >= EPOCH_FROM_S ? reset * 1000 - wallMs : reset * 1000;
    return { remaining, resetMs, limit: wholeNumber(headers.get(`${prefix}limit`)) };
  }
  return undefined;
}

function structuredQuota(text: string, policy: string): VendorQuota | undefined {
  // limit=100, remaining=3, reset=7
  const flat = parameters(text, ',');
  if (flat.has('remaining')) return quotaOf(flat.get('remaining'), flat.get('reset'), flat.get('limit'));
  let tightest: VendorQuota | undefined;
  for (const member of text.split(',')) {
    const said = parameters(member, ';');
    const quota = quotaOf(said.get('r'), said.get('t'), limitNamed(policy, nameOf(member)));
    if (quota !== undefined && (tightest === undefined || quota.remaining < tightest.remaining)) tightest = quota;
  }
  return tightest;
}

function quotaOf(remaining?: string, reset?: string, limit?: string): VendorQuota | undefined {
  const left = wholeNumber(remaining);
  const seconds = wholeNumber(reset);
  if (left === undefined || seconds === undefined) return undefined;
  return { remaining: left, resetMs: seconds * 1000, limit: wholeNumber(limit) };
}

/** `q` of the policy of that name in `RateLimit-Policy`. */
function limitNamed(policies: string, name: string): string | undefined {
  const policy = policies.split(',').find((member) => nameOf(member) === name);
  return policy === undefined ? undefined : parameters(policy, ';').get('q');
}

function nameOf(member: string): string {
  return (member.split(';')[0] ?? '').trim();
}

function parameters(text: string, separator: ',' | ';'): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(separator)) {
    const [name, value] = part.split('=');
    if (name !== undefined && value !== undefined) found.set(name.trim().toLowerCase(), value.trim());
  }
  return found;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined;
}
