// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): names resolve to loopback but for those that end in
// `.invalid`, until SIGUSR2 takes the name server away, and another one makes it crawl.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

type Receive = (error: Error | null, addresses: dns.LookupAddress[]) => void;

const FAULTS = ['none', 'gone', 'crawling'] as const;
let fault = 0;
process.on('SIGUSR2', () => {
  fault += 1;
});

function lookup(name: string, _options: unknown, receive: Receive): void {
  if (FAULTS[fault] === 'crawling') return;
  const code = FAULTS[fault] === 'gone' ? 'EAI_AGAIN' : name.endsWith('.invalid') ? 'ENOTFOUND' : undefined;
  if (code === undefined) setImmediate(receive, null, [{ address: '127.0.0.1', family: 4 }]);
  else setImmediate(receive, Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code }), []);
}

Object.assign(dns, { lookup });
syncBuiltinESMExports();
