// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): a name says what it resolves to, as
// `169-254-169-254.127-0-0-1.test` does; there is no other name, and an address is its own.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';

type Receive = (error: Error | null, addresses: dns.LookupAddress[]) => void;

const lookupNow = dns.lookup;

function lookup(name: string, options: dns.LookupAllOptions, receive: Receive): void {
  if (isIP(name) !== 0) return lookupNow(name, options, receive);
  const labels = name.endsWith('.test') ? name.slice(0, -'.test'.length).split('.') : [];
  const addresses = labels.map((label) => ({ address: label.replaceAll('-', '.'), family: 4 }));
  if (addresses.length > 0) setImmediate(receive, null, addresses);
  else setImmediate(receive, Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);
}

Object.assign(dns, { lookup });
syncBuiltinESMExports();
