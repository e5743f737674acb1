// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): names resolve to loopback, until SIGUSR2 takes the name
// server away, and another one makes it crawl.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

type Receive = (error: Error | null, addresses: dns.LookupAddress[]) => void;

const FAULTS = ['none', 'gone', 'crawling'] as const;
let fault = 0;
process.on('SIGUSR2', () => {
  fault += 1;
});

function lookup(name: string, _options: unknown, receive: Receive): void {
  if (FAULTS[fault] === 'none') setImmediate(receive, null, [{ address: '127.0.0.1', family: 4 }]);
  if (FAULTS[fault] !== 'gone') return;
  const error = Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), { code: 'EAI_AGAIN' });
  setImmediate(receive, error, []);
}

Object.assign(dns, { lookup });
syncBuiltinESMExports();
