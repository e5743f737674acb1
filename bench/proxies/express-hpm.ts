// The plain recipe: Express and http-proxy-middleware, keep-alive on. `node express-hpm.ts PORT ORIGIN`
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const [port, origin] = process.argv.slice(2);

express()
  .disable('x-powered-by')
  .use(createProxyMiddleware({ target: String(origin), agent: new Agent({ keepAlive: true, maxSockets: 128 }) }))
  .listen(Number(port), '127.0.0.1');
