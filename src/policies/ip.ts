// Policy `ip`: which client addresses a route serves.
import { defineProblem } from '../exchange/problem.ts';
import * as s from '../schema/schema.ts';
import { type AddressMatcher, cidrSchema, matcher } from '../tenant/cidr.ts';
import { definePolicy } from './policy.ts';

const DENIED = defineProblem('ip.denied', 403, 'Address not allowed', 'http_request_denied');

const schema = s.optional(
  s.off(
    s.object(
      {
        allow: s.list(cidrSchema('An address or range that is served'), {
          doc: 'Serve only these; everyone when empty',
          single: true,
          default: [],
        }),
        deny: s.list(cidrSchema('An address or range that is refused'), {
          doc: 'Refuse these, also when they are in `allow`',
          single: true,
          default: [],
        }),
      },
      { doc: 'Client addresses that may call', name: 'ip' },
    ),
  ),
);

/**
 * Refuses by client address: the socket's, or what a trusted proxy vouches for. An address that cannot be read is refused.
 *
 * @example
 * ip: { allow: [10.0.0.0/8, "2001:db8::/32"], deny: [10.66.0.0/16] }
 */
export const ip = definePolicy({
  name: 'ip',
  summary: 'Which client addresses may call',
  schema,
  problems: [DENIED],
  check(settings) {
    if (settings === undefined || settings === null || settings.allow.length + settings.deny.length > 0) return [];
    return [{ path: [], code: 'empty-ip', message: 'neither `allow` nor `deny` names an address' }];
  },
  create(settings) {
    if (settings === undefined || settings === null) return undefined;
    const isServed = served(settings.allow.length === 0 ? matcher(EVERYONE) : matcher(settings.allow), settings.deny);
    return {
      onRequest: (x) =>
        isServed(x.clientAddress) ? undefined : x.refuse(DENIED, `${x.clientAddress} may not call this route`),
    };
  },
});

const EVERYONE = [
  { version: 4, first: 0, last: 2 ** 32 - 1 },
  { version: 6, first: '0'.repeat(32), last: 'f'.repeat(32) },
] as const;

function served(isAllowed: AddressMatcher, deny: Parameters<typeof matcher>[0]): AddressMatcher {
  if (deny.length === 0) return isAllowed;
  const isDenied = matcher(deny);
  return (address) => isAllowed(address) && !isDenied(address);
}
