// An origin for bodies: GET /N answers N zero bytes, POST reads everything and then says how much it was. `node body-origin.ts PORT`
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { zeros } from '../zeros.ts';

createServer((request, response) => {
  if (request.method === 'POST') count(request, response);
  else give(Number(request.url?.split('/').at(-1)), response);
}).listen(Number(process.argv[2]), '127.0.0.1');

function count(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => {
    const said = String(bytes);
    response.writeHead(200, { 'content-length': said.length }).end(said);
  });
}

function give(bytes: number, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': bytes });
  pipeline(zeros(bytes), response).catch(() => response.destroy());
}
