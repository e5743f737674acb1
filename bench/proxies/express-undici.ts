// The transport Sluice stands on, with nothing else: one Express handler, undici `dispatch`.
// `node express-undici.ts PORT ORIGIN [CERT KEY]`: HTTPS at the front with a certificate.
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import express, { type Request, type Response } from 'express';
import { type Dispatcher, Pool } from 'undici';

const [port, origin, cert, key] = process.argv.slice(2);
const pool = new Pool(String(origin), { connections: 128, allowH2: false });

/** What concerns one connection is not passed on to the other. */
const OF_THE_CLIENT = new Set(['connection', 'host', 'transfer-encoding']);
const OF_THE_UPSTREAM = new Set(['connection', 'keep-alive', 'transfer-encoding']);

class Reply implements Dispatcher.DispatchHandler {
  readonly #response: Response;

  constructor(response: Response) {
    this.#response = response;
  }

  onRequestStart(): void {}

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    this.#response.writeHead(status, fieldsWithout(OF_THE_UPSTREAM, controller.rawHeaders));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk) || this.#response.destroyed) return;
    controller.pause();
    this.#response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    this.#response.destroy();
  }
}

const app = express()
  .disable('x-powered-by')
  .use((request: Request, response: Response) => {
    const body = request.method === 'GET' ? null : request;
    pool.dispatch(
      { method: request.method, path: request.url, headers: fieldsWithout(OF_THE_CLIENT, request.rawHeaders), body },
      new Reply(response),
    );
  });
const server =
  cert === undefined || key === undefined
    ? createHttp(app)
    : createHttps({ cert: readFileSync(cert), key: readFileSync(key) }, app);
server.listen(Number(port), '127.0.0.1');

function fieldsWithout(excluded: ReadonlySet<string>, raw: unknown): string[] {
  const fields: string[] = [];
  if (!Array.isArray(raw)) return fields;
  for (let i = 0; i < raw.length; i += 2) {
    const name = String(raw[i]);
    if (!excluded.has(name.toLowerCase())) fields.push(name, String(raw[i + 1]));
  }
  return fields;
}
