// Sample upstream service: a read-only catalog. Run two of them and see requests shared out. `node examples/catalog.ts 7002`
import { createServer } from 'node:http';
import { listen, sendJson } from './service.ts';

const ITEMS = [
  { sku: 'GATE-01', name: 'Lock gate, oak', category: 'gates', price: 184000 },
  { sku: 'GATE-02', name: 'Lock gate, steel', category: 'gates', price: 97500 },
  { sku: 'PAD-08', name: 'Paddle gear', category: 'gear', price: 12900 },
  { sku: 'WIN-03', name: 'Windlass', category: 'gear', price: 2450 },
];

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://catalog.internal');
  if (pathname === '/healthz') return sendJson(response, 200, { status: 'ok' });
  const servedBy = { 'x-served-by': `catalog-${request.socket.localPort}` };
  if (pathname === '/items') {
    const category = searchParams.get('category');
    const items = ITEMS.filter((item) => category === null || item.category === category);
    return sendJson(response, 200, { items }, servedBy);
  }
  const item = ITEMS.find(({ sku }) => pathname === `/items/${sku}`);
  if (item === undefined) return sendJson(response, 404, { error: 'no such item' }, servedBy);
  return sendJson(response, 200, item, servedBy);
});

listen(server, 'catalog');
