// Request IDs (UUIDv7, RFC 9562 §5.7) and W3C trace context, from one pool of random bytes refilled rarely.
import { randomFillSync } from 'node:crypto';

/** A refill finds nothing of what it needs in the caches of the processor: it had better be rare. */
const POOL_BYTES = 32_768;
const pool = Buffer.alloc(POOL_BYTES);
let hex = '';
let used = 0;

/** `digits` random hex digits (even number), fresh on each call. */
function randomHex(digits: number): string {
  if (used + digits > hex.length) {
    randomFillSync(pool);
    hex = pool.toString('hex');
    used = 0;
  }
  const start = used;
  used += digits;
  return hex.slice(start, used);
}

let stampedAt = 0;
let stamp = '';

/** A UUIDv7: sorts by the time it was made. */
export function uuidv7(): string {
  const now = Date.now();
  if (now !== stampedAt) {
    stampedAt = now;
    const digits = now.toString(16).padStart(12, '0');
    stamp = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
  }
  const random = randomHex(20);
  // The fourth of these digits, as the number it was: its bits are the variant's free ones.
  const free = pool[(used - 20 + 3) >> 1] ?? 0;
  return `${stamp}${random.slice(0, 3)}-${VARIANT[free & 3]}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

const VARIANT = '89ab';

const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** The client's request ID when it is one (`[A-Za-z0-9._-]{8,128}`), else a fresh UUIDv7. */
export function requestId(sent: string | undefined): string {
  return sent !== undefined && REQUEST_ID.test(sent) ? sent : uuidv7();
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;

/**
 * The `traceparent` to send on (W3C Trace Context §3.2): the client's trace with a span of our own, or a new trace
 * (sampled flag unset: recording is the upstream's choice) when the client sent none or a malformed one.
 */
export function traceparent(sent: string | undefined): string {
  if (sent !== undefined && TRACEPARENT.test(sent)) {
    return `00-${sent.slice(3, 35)}-${randomHex(16)}-${sent.slice(53, 55)}`;
  }
  return `00-${randomHex(32)}-${randomHex(16)}-00`;
}

/** 16 random hex digits: an incident ID, or the token by which this process knows its own `Via`. */
export function token(): string {
  return randomHex(16);
}
