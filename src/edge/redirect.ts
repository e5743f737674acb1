// Plain HTTP on a second port, which only says where HTTPS is.
import { createServer, type Server } from 'node:http';

/** A server that answers every request with 308 to the same place over HTTPS. `httpsPort` is asked per request. */
export function createRedirect(httpsPort: () => number): Server {
  return createServer((req, res) => {
    const host = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?=:\d{1,5}$|$)/.exec(req.headers.host ?? '')?.[0];
    const target = req.url ?? '/';
    if (host === undefined || !target.startsWith('/')) {
      res.writeHead(400, { Connection: 'close' }).end();
      return;
    }
    const port = httpsPort();
    res
      .writeHead(308, { Location: `https://${host}${port === 443 ? '' : `:${port}`}${target}`, Connection: 'close' })
      .end();
  });
}
