// Who the client is when proxies stand in front: the nearest address that is not one of ours.
import { canonicalAddress } from '../tenant/address.ts';
import type { AddressMatcher } from '../tenant/cidr.ts';

/**
 * Walks from the socket outwards through `X-Forwarded-For` while the addresses are trusted proxies, and returns the first
 * that is not: everything to its left is only what that one claims. An entry that is not an address ends the walk, at the
 * last address that was vouched for. When all are trusted it is the left-most.
 *
 * @param forwardedFor every `X-Forwarded-For` field, joined with commas; undefined when there is none
 * @returns in the one spelling of {@link canonicalAddress}
 */
export function clientAddress(
  socketAddress: string,
  forwardedFor: string | undefined,
  isTrusted: AddressMatcher,
): string {
  let client = canonicalAddress(socketAddress) ?? socketAddress;
  if (forwardedFor === undefined) return client;
  let end = forwardedFor.length;
  while (end >= 0 && isTrusted(client)) {
    const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(',', end - 1);
    const farther = canonicalAddress(withoutPort(forwardedFor.slice(comma + 1, end).trim()));
    if (farther === undefined) break;
    client = farther;
    end = comma;
  }
  return client;
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  if (entry.startsWith('[')) return /^\[([^\]]*)\](:\d{1,5})?$/.exec(entry)?.[1] ?? entry;
  const colon = entry.indexOf(':');
  const isLone = colon >= 0 && colon === entry.lastIndexOf(':');
  return isLone && /^\d{1,5}$/.test(entry.slice(colon + 1)) ? entry.slice(0, colon) : entry;
}
