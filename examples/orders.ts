// Sample upstream service: orders, kept in memory, with a WebSocket that tells when one is made. `node examples/orders.ts 7001`
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { listen, sendJson, textOf } from './service.ts';

interface Order {
  readonly id: string;
  readonly tenant: string;
  readonly customer: string;
  readonly items: readonly unknown[];
  /** Under which the carrier knows its parcel. */
  readonly shipment_id: string;
}

const orders = new Map<string, Order>();
const watchers = new WebSocketServer({ noServer: true });

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});

server.on('upgrade', (request, socket, head) => {
  watchers.handleUpgrade(request, socket, head, (watcher) => {
    watcher.send(JSON.stringify({ event: 'watching', orders: orders.size }));
  });
});

listen(server, 'orders');

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://orders.internal');
  if (pathname === '/healthz') return sendJson(response, 200, { status: 'ok' });
  if (pathname === '/orders' && request.method === 'POST') {
    const order = await create(request);
    return sendJson(response, 201, order, { location: `/v1/orders/${order.id}` });
  }
  // The tenant is the gateway's word: it removes whatever X-Tenant a client sends.
  const tenant = tenantOf(request);
  const mine = [...orders.values()].filter((order) => order.tenant === tenant);
  if (pathname === '/orders' && request.method === 'GET') return sendJson(response, 200, { orders: mine });
  const order = mine.find(({ id }) => pathname === `/orders/${id}`);
  if (order === undefined) return sendJson(response, 404, { error: 'no such order' });
  return sendJson(response, 200, order);
}

async function create(request: IncomingMessage): Promise<Order> {
  // The gateway has checked the body against config/schemas/order.json.
  const { customer, items } = JSON.parse(await textOf(request));
  const id = String(orders.size + 1);
  const order: Order = { id, tenant: tenantOf(request), customer, items, shipment_id: `S-${id}` };
  orders.set(order.id, order);
  for (const watcher of watchers.clients) watcher.send(JSON.stringify({ event: 'order-created', id: order.id }));
  return order;
}

function tenantOf(request: IncomingMessage): string {
  return String(request.headers['x-tenant'] ?? '');
}
