// Address ranges: who may call (`ip`), and which proxies are believed (`trust_proxies`). Beside the tenants because both
// answer "who is calling", and because edge and policies may look down to here but not at each other.
import * as s from '../schema/schema.ts';
import { type IPv6Hex, mappedIPv4, parseIPv4, parseIPv6 } from './address.ts';

/** An inclusive range of addresses of one family. */
export type Cidr =
  | { readonly version: 4; readonly first: number; readonly last: number }
  | { readonly version: 6; readonly first: IPv6Hex; readonly last: IPv6Hex };

/** Whether an address is in any of some ranges; a text that is not an address is in none. */
export type AddressMatcher = (address: string) => boolean;

const EXPECTED = 'an address or a range such as 10.0.0.0/8 or 2001:db8::/32';

/** A setting that is one address range, or one address. */
export function cidrSchema(doc: string): s.Schema<Cidr> {
  return s.custom({ doc, expected: EXPECTED, parse: parseCidr, json: { type: 'string', examples: ['10.0.0.0/8'] } });
}

/** Reads `10.0.0.0/8`, `2001:db8::/32` or a lone address. A range whose address has bits beyond its prefix is refused. */
function parseCidr(text: string): Cidr | s.Refusal {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const prefix = slash < 0 ? undefined : parsePrefix(text.slice(slash + 1));
  if (Number.isNaN(prefix) || address.includes('%')) return { error: `"${text}" is not ${EXPECTED}` };
  const number = parseIPv4(address);
  if (number >= 0) return rangeOf4(text, number, prefix ?? 32);
  const hex = parseIPv6(address);
  if (hex === undefined) return notAnAddress(text, address);
  const mapped = mappedIPv4(hex);
  if (mapped >= 0 && (prefix ?? 128) >= 96) return rangeOf4(text, mapped, (prefix ?? 128) - 96);
  return rangeOf6(text, hex, prefix ?? 128);
}

function parsePrefix(text: string): number {
  return /^(0|[1-9]\d{0,2})$/.test(text) ? Number(text) : Number.NaN;
}

function notAnAddress(text: string, address: string): s.Refusal {
  const error = `"${text}" is not ${EXPECTED}`;
  const octal = /^\d+(\.\d+){3}$/.test(address) && /(^|\.)0\d/.test(address);
  return octal ? { error, hint: 'leading zeros are refused: some programs read them as octal' } : { error };
}

function rangeOf4(text: string, address: number, prefix: number): Cidr | s.Refusal {
  if (prefix > 32) return { error: `the prefix of "${text}" is longer than an IPv4 address`, hint: 'the most is /32' };
  const size = 2 ** (32 - prefix);
  const first = address - (address % size);
  if (first !== address) return strayBits(text);
  return { version: 4, first, last: first + size - 1 };
}

function rangeOf6(text: string, hex: IPv6Hex, prefix: number): Cidr | s.Refusal {
  if (prefix > 128)
    return { error: `the prefix of "${text}" is longer than an IPv6 address`, hint: 'the most is /128' };
  const address = BigInt(`0x${hex}`);
  const hosts = (1n << BigInt(128 - prefix)) - 1n;
  if ((address & hosts) !== 0n) return strayBits(text);
  return { version: 6, first: hex, last: (address | hosts).toString(16).padStart(32, '0') };
}

function strayBits(text: string): s.Refusal {
  return {
    error: `"${text}" is neither a range nor one address: its address has bits beyond the prefix`,
    hint: 'clear those bits, or leave the prefix out to mean the one address',
  };
}

/** Compiles ranges to a look-up whose cost grows with the logarithm of their number. */
export function matcher(ranges: readonly Cidr[]): AddressMatcher {
  const ranges4 = merge(ranges.filter((range) => range.version === 4));
  const ranges6 = merge(ranges.filter((range) => range.version === 6));
  return (address) => {
    const number = parseIPv4(address);
    if (number >= 0) return isWithin(ranges4, number);
    const hex = parseIPv6(address);
    if (hex === undefined) return false;
    const mapped = mappedIPv4(hex);
    return mapped >= 0 ? isWithin(ranges4, mapped) : isWithin(ranges6, hex);
  };
}

interface Range<T> {
  readonly first: T;
  readonly last: T;
}

/** Ranges in order, none inside another: CIDR blocks never overlap in part. */
function merge<T extends number | string>(ranges: readonly Range<T>[]): readonly Range<T>[] {
  const sorted = ranges.toSorted((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  const merged: Range<T>[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last) merged.push(range);
  }
  return merged;
}

function compare<T extends number | string>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function isWithin<T extends number | string>(ranges: readonly Range<T>[], address: T): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle];
    if (range === undefined) return false;
    if (address < range.first) high = middle - 1;
    else if (address > range.last) low = middle + 1;
    else return true;
  }
  return false;
}
