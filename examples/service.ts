// What the sample services have in common: a port from the command line, JSON answers, an orderly end.
import type { Server, ServerResponse } from 'node:http';

/** Listens on the loopback port named on the command line; ends on a signal, or with `npm start` when that started it. */
export function listen(server: Server, name: string): void {
  const port = Number(process.argv[2]);
  if (!Number.isInteger(port)) {
    console.error(`usage: node examples/${name}.ts PORT`);
    process.exit(2);
  }
  server.on('error', (error) => {
    console.error(`${name}: ${error.message}`);
    process.exit(1);
  });
  server.listen(port, '127.0.0.1', () => {
    console.log(`${name} listens on 127.0.0.1:${port}, pid ${process.pid}`);
    process.send?.('listening');
  });
  const end = (): void => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  };
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) process.on(event, end);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(`${JSON.stringify(value)}\n`);
}
