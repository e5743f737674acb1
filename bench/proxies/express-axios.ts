// The plain recipe for calling a third party: express.json(), axios, res.json(). `node express-axios.ts PORT ORIGIN`
import { Agent } from 'node:http';
import { create } from 'axios';
import express from 'express';

const [port, origin] = process.argv.slice(2);
const client = create({ baseURL: String(origin), httpAgent: new Agent({ keepAlive: true }), proxy: false });

express()
  .disable('x-powered-by')
  .use(express.json())
  .post('/v1/quotes', async (request, response) => {
    const { data } = await client.post('/rates', request.body);
    response.json(data);
  })
  .listen(Number(port), '127.0.0.1');
