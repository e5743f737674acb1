// The request body as a JSON value: collected and parsed once, whichever policies ask for it.
import { type Exchange, slot } from '../exchange/exchange.ts';
import type { BodyFailure } from '../exchange/request-body.ts';
import { type JsonScan, scanJson } from './scan.ts';

const scans = slot<JsonScan>();

/** Parses the collected body; the second asker gets the first one's answer. */
export function scanBody(x: Exchange, bytes: Buffer): JsonScan {
  let scan = scans.get(x);
  if (scan === undefined) {
    scan = scanJson(bytes);
    scans.set(x, scan);
  }
  return scan;
}

/** The body as a value for templates; undefined when there is none or it is not JSON. */
export async function bodyValue(x: Exchange, maxBytes: number): Promise<{ readonly value: unknown } | BodyFailure> {
  const bytes = await x.body.collect(maxBytes);
  if (typeof bytes === 'string') return bytes;
  const scan = scanBody(x, bytes);
  return 'value' in scan ? scan : { value: undefined };
}
