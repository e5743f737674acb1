// The floor of HTTP in Node: a bare `http` server and the crudest keep-alive client on sockets. It knows GET, and answers with a
// Content-Length; nothing else is safe with it. `node http-floor.ts PORT ORIGIN`
import { createServer, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

const [port, origin] = process.argv.slice(2);
const { hostname, port: originPort, host } = new URL(String(origin));
const HEAD_END = Buffer.from('\r\n\r\n');
const idle: Connection[] = [];

class Connection {
  readonly #socket: Socket;
  #response: ServerResponse | undefined;
  /** Of a head that has not arrived whole. */
  #head: Buffer = Buffer.alloc(0);
  #bodyBytesLeft = -1;

  constructor() {
    this.#socket = connect({ host: hostname, port: Number(originPort), noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => this.#gone());
  }

  send(head: string, response: ServerResponse): void {
    this.#response = response;
    this.#socket.write(head, 'latin1');
  }

  #read(chunk: Buffer): void {
    if (this.#bodyBytesLeft >= 0) return this.#pass(chunk);
    const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = head;
      return;
    }
    this.#head = Buffer.alloc(0);
    const [first = '', ...lines] = head.toString('latin1', 0, end).split('\r\n');
    const headers: string[] = [];
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      const value = line.slice(colon + 2);
      if (name.length === 14 && name.toLowerCase() === 'content-length') this.#bodyBytesLeft = Number(value);
      if (name !== 'Connection') headers.push(name, value);
    }
    this.#response?.writeHead(Number(first.slice(9, 12)), headers);
    this.#pass(head.subarray(end + HEAD_END.length));
  }

  #pass(chunk: Buffer): void {
    this.#bodyBytesLeft -= chunk.length;
    if (this.#bodyBytesLeft > 0) return void this.#response?.write(chunk);
    this.#response?.end(chunk);
    this.#response = undefined;
    this.#bodyBytesLeft = -1;
    idle.push(this);
  }

  /** What is answered to a client that has gone is read to its end all the same, so that the connection is good for the next. */
  #gone(): void {
    this.#response?.destroy();
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
  }
}

createServer((request, response) => {
  const { rawHeaders } = request;
  let head = `GET ${request.url ?? '/'} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name !== 'Host' && name !== 'Connection') head += `${name}: ${rawHeaders[i + 1]}\r\n`;
  }
  (idle.pop() ?? new Connection()).send(`${head}\r\n`, response);
}).listen(Number(port), '127.0.0.1');
