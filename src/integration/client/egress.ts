// Which addresses a third party may be at. Names can be made to lead anywhere, so it is the resolved address that counts.
import type { LookupAddress } from 'node:dns';
import { BlockList, isIPv4, type LookupFunction } from 'node:net';
import { canonicalAddress, parseIPv6 } from '../../tenant/address.ts';
import type { AddressMatcher } from '../../tenant/cidr.ts';

/** No third party lives there: what answers is the machine's own network, or a cloud's metadata service with its credentials. */
const REFUSED = new BlockList();
REFUSED.addSubnet('0.0.0.0', 8);
REFUSED.addSubnet('169.254.0.0', 16);
REFUSED.addSubnet('224.0.0.0', 4);
REFUSED.addAddress('255.255.255.255');
REFUSED.addAddress('100.100.100.200');
REFUSED.addAddress('168.63.129.16');
REFUSED.addAddress('192.0.0.192');
REFUSED.addAddress('::', 'ipv6');
REFUSED.addSubnet('fe80::', 10, 'ipv6');
REFUSED.addSubnet('ff00::', 8, 'ipv6');
REFUSED.addAddress('fd00:ec2::254', 'ipv6');
REFUSED.addAddress('fd20:ce::254', 'ipv6');

/**
 * Where an IPv4 address stands in an IPv6 one that leads to it: behind a NAT64 (RFC 6052 §2.1), and 6to4 (RFC 3056 §2).
 * Prefix in hex digits, and the digit the address begins at.
 */
const EMBEDDED: readonly (readonly [prefix: string, at: number])[] = [
  ['0064ff9b0000000000000000', 24],
  ['2002', 4],
];

/** Addresses that a message names. */
const SHOWN_MAX = 4;

/** A name, or an address, that may not be connected to. */
export class EgressError extends Error {
  /** @param what was refused: an address, or a name and where it leads to. */
  constructor(what: string) {
    super(`${what} is not to be connected to: name it in addresses if it should be`);
    this.name = 'EgressError';
  }
}

export class Egress {
  readonly #named: AddressMatcher | undefined;

  /** @param named the only addresses to be reached, whatever they are; undefined: all but those no third party lives at. */
  constructor(named: AddressMatcher | undefined) {
    this.#named = named;
  }

  /** Whether an address may be connected to. What is not the one spelling of an address, as `0251.0376.0251.0376`, may not. */
  allows(address: string): boolean {
    const canonical = canonicalAddress(address);
    if (canonical === undefined) return false;
    return this.#named === undefined ? !isRefused(canonical) : this.#named(canonical);
  }

  /**
   * A look-up that knows allowed addresses only, so that none other is tried, also not where several are (RFC 8305).
   * A name that has none fails with an {@link EgressError}.
   */
  guard(lookup: LookupFunction): LookupFunction {
    return (name, options, callback) => {
      lookup(name, { ...options, all: true }, (error, answer) => {
        if (error !== null) return callback(error, []);
        const addresses = toList(answer);
        const allowed = addresses.filter(({ address }) => this.allows(address));
        const [first] = allowed;
        if (first === undefined) callback(new EgressError(`${name} (${shown(addresses)})`), []);
        else if (options.all === true) callback(null, allowed);
        else callback(null, first.address, first.family);
      });
    };
  }
}

function toList(answer: string | LookupAddress[]): readonly LookupAddress[] {
  return typeof answer === 'string' ? [{ address: answer, family: isIPv4(answer) ? 4 : 6 }] : answer;
}

/** The first few, for messages. */
function shown(addresses: readonly LookupAddress[]): string {
  return (
    addresses
      .slice(0, SHOWN_MAX)
      .map(({ address }) => address)
      .join(', ') || 'no address'
  );
}

function isRefused(address: string): boolean {
  if (isIPv4(address)) return REFUSED.check(address);
  if (REFUSED.check(address, 'ipv6')) return true;
  const hex = parseIPv6(address) ?? '';
  return EMBEDDED.some(([prefix, at]) => hex.startsWith(prefix) && REFUSED.check(dotted(hex.slice(at, at + 8))));
}

/** `a9fea9fe` → `169.254.169.254`. */
function dotted(hex: string): string {
  return (hex.match(/../g) ?? []).map((octet) => Number.parseInt(octet, 16)).join('.');
}
