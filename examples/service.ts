// What the sample services have in common: ports from the command line, JSON in and out, an orderly end.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** A port of the command line, by its place there; ends with the usage when it is none. */
export function portArgument(usage: string, index = 0): number {
  const port = Number(process.argv[2 + index]);
  if (Number.isInteger(port)) return port;
  console.error(`usage: node examples/${usage}`);
  process.exit(2);
}

/** Listens on a loopback port; ends on a signal, or with `npm start` when that started it. */
export function listen(server: Server, name: string, port: number = portArgument(`${name}.ts PORT`)): void {
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

export async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
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
