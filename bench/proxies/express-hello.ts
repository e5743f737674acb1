// What a refusal is compared with: Express answering by itself. `node express-hello.ts PORT`
import express from 'express';

express()
  .disable('x-powered-by')
  .use((_request, response) => {
    response.end('hello');
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
