// The transport Sluice stands on, with nothing else: one Express handler, undici `dispatch`. `node express-undici.ts PORT ORIGIN`
import express, { type Request, type Response } from 'express';
import { type Dispatcher, Pool } from 'undici';

const [port, origin] = process.argv.slice(2);
const pool = new Pool(String(origin), { connections: 128, allowH2: false });

class Reply implements Dispatcher.DispatchHandler {
  readonly #response: Response;

  constructor(response: Response) {
    this.#response = response;
  }

  onRequestStart(): void {}

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const raw = controller.rawHeaders;
    this.#response.writeHead(status, Array.isArray(raw) ? raw.map(String) : []);
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

express()
  .disable('x-powered-by')
  .use((request: Request, response: Response) => {
    const body = request.method === 'GET' ? null : request;
    pool.dispatch(
      { method: request.method, path: request.url, headers: headersOf(request), body },
      new Reply(response),
    );
  })
  .listen(Number(port), '127.0.0.1');

function headersOf({ rawHeaders }: Request): string[] {
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!/^(connection|content-length|host|transfer-encoding)$/i.test(name))
      headers.push(name, rawHeaders[i + 1] ?? '');
  }
  return headers;
}
