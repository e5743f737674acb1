// Addresses of callers, in one spelling each: an IPv4 address mapped into IPv6 is the IPv4 address.
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** 32 lower-case hex digits of an IPv6 address: compares as text in the order of the addresses. */
export type IPv6Hex = string;

const MAPPED = '::ffff:';
const MAPPED_HEX = '00000000000000000000ffff';
const DOT = 46;
const ZERO = 48;

/**
 * Reads four decimal numbers. Leading zeros are refused: some readers take `010` for eight (RFC 6943 §3.1.1).
 * @returns 0 to 2³²−1, or -1 when the text is not an IPv4 address.
 */
export function parseIPv4(text: string): number {
  let address = 0;
  let octet = -1;
  let octets = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? DOT : text.charCodeAt(i);
    if (code === DOT) {
      if (octet < 0 || ++octets > 4) return -1;
      address = address * 256 + octet;
      octet = -1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || octet === 0) return -1;
    octet = octet < 0 ? digit : octet * 10 + digit;
    if (octet > 255) return -1;
  }
  return octets === 4 ? address : -1;
}

/** Reads an IPv6 address, any zone ignored; undefined when the text is none, or hides an octal IPv4 part. */
export function parseIPv6(text: string): IPv6Hex | undefined {
  if (!isIPv6(text)) return undefined;
  const zone = text.indexOf('%');
  const { parts } = ipaddr.IPv6.parse(zone < 0 ? text : text.slice(0, zone));
  let hex = '';
  for (const part of parts) hex += part.toString(16).padStart(4, '0');
  return hex;
}

/** The IPv4 address inside an IPv6 one (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2); -1 when there is none. */
export function mappedIPv4(hex: IPv6Hex): number {
  return hex.startsWith(MAPPED_HEX) ? Number.parseInt(hex.slice(MAPPED_HEX.length), 16) : -1;
}

/** The one spelling of an address (RFC 5952), without zone; undefined when the text is not an address. */
export function canonicalAddress(text: string): string | undefined {
  if (parseIPv4(text) >= 0) return text;
  // What a dual-stack socket reports for every IPv4 peer.
  if (text.startsWith(MAPPED) && parseIPv4(text.slice(MAPPED.length)) >= 0) return text.slice(MAPPED.length);
  const hex = parseIPv6(text);
  if (hex === undefined) return undefined;
  const mapped = mappedIPv4(hex);
  if (mapped >= 0) return [24, 16, 8, 0].map((shift) => (mapped >>> shift) & 255).join('.');
  const parts = hex.match(/.{4}/g) ?? [];
  return new ipaddr.IPv6(parts.map((part) => Number.parseInt(part, 16))).toRFC5952String();
}

/**
 * Who an address is counted as: an IPv4 address is itself, an IPv6 address is its /64, because one subscriber has at least
 * that many addresses to choose from (RFC 6177).
 */
export function subscriber(address: string): string {
  if (!address.includes(':')) return address;
  const hex = parseIPv6(address);
  return hex === undefined ? address : `${hex.slice(0, 16)}/64`;
}
