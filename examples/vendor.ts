// Sample third party: a carrier with OAuth 2 and a quota, and an ERP that speaks SOAP. It behaves like real ones: slow, limited,
// failing now and then, and free to change its answers. `CARRIER_CLIENT_ID=… CARRIER_CLIENT_SECRET=… node examples/vendor.ts 7004 7005`
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen, portArgument, sendJson } from './service.ts';
import { quote, shipment } from './vendor/carrier.ts';
import { Control } from './vendor/control.ts';
import { Door } from './vendor/door.ts';
import { Quota } from './vendor/quota.ts';
import { stock } from './vendor/stock.ts';
import { Tokens } from './vendor/tokens.ts';

const USAGE = 'vendor.ts PORT CONTROL_PORT';

const door = new Door(createServer(receive), portArgument(USAGE));
const control = new Control(door);
const tokens = new Tokens(fromEnvironment('CARRIER_CLIENT_ID'), fromEnvironment('CARRIER_CLIENT_SECRET'));
const quota = new Quota();

await door.open();
listen(
  createServer((request, response) => void control.answer(request, response).catch(() => response.destroy())),
  'the control of the vendor',
  portArgument(USAGE, 1),
);

function receive(request: IncomingMessage, response: ServerResponse): void {
  answer(request, response).catch(() => response.destroy());
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://vendor.example');
  if (pathname.startsWith('/v3/')) control.count();
  await sleep(control.latencyMs());
  if (pathname === '/oauth/token' && request.method === 'POST') return tokens.give(request, response);
  if (pathname === '/ws/StockService' && request.method === 'POST') return stock(request, response);
  if (pathname.startsWith('/v3/')) return carrier(pathname, request, response);
  return sendJson(response, 404, { err: { no: 'E404', msg: 'no such resource' } });
}

async function carrier(pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!tokens.isGood(request.headers.authorization)) {
    response.setHeader('www-authenticate', 'Bearer error="invalid_token"');
    return sendJson(response, 401, { err: { no: 'E401', msg: 'token missing, unknown or expired' } });
  }
  if (!quota.take(response)) return sendJson(response, 429, { err: { no: 'E429', msg: 'slow down' } });
  if (control.failsNow()) return sendJson(response, 500, { err: { no: 'E500', msg: 'ORA-00060: deadlock detected' } });
  const [, id] = /^\/v3\/shipments\/([^/]+)$/.exec(pathname) ?? [];
  if (id !== undefined && request.method === 'GET') return shipment(decodeURIComponent(id), response);
  if (pathname === '/v3/rates' && request.method === 'POST') return quote(request, response, control.drift);
  return sendJson(response, 404, { err: { no: 'E404', msg: 'no such resource' } });
}

/** There is no default: a secret that is in a repository is none. */
function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  console.error(`vendor: ${name} is not set; \`npm start\` makes one for each run`);
  process.exit(2);
}
