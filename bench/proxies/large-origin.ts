// An origin for large bodies: GET answers a gibibyte of zeros, POST reads everything and then answers. `node large-origin.ts PORT`
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { GIBIBYTE, zeros } from '../zeros.ts';

createServer((request, response) => {
  if (request.method === 'POST') {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => response.end(String(bytes)));
    return;
  }
  response.writeHead(200, { 'content-length': GIBIBYTE });
  pipeline(zeros(), response).catch(() => response.destroy());
}).listen(Number(process.argv[2]), '127.0.0.1');
