// The plain recipe for WebSockets: http-proxy-middleware with `ws`. `node express-hpm-websocket.ts PORT ORIGIN`
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const [port, origin] = process.argv.slice(2);
const proxy = createProxyMiddleware({ target: String(origin) });

express().disable('x-powered-by').use(proxy).listen(Number(port), '127.0.0.1').on('upgrade', proxy.upgrade);
