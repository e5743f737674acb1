// HAProxy as a proxy that does a little of the same: request ID, one rate per key, kept-alive connections to the origin.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closedPort } from '../../test/support/ports.ts';
import { Measured } from '../process.ts';
import type { Peer, Tls } from './peer.ts';

export const haproxy: Peer = {
  name: 'haproxy',
  packageName: 'haproxy',
  versionCommand: ['haproxy', '-v'],
  proxy:
    (tls) =>
    async ({ directory, originPort }) => {
      const port = await closedPort();
      const own = join(directory, `haproxy-${port}`);
      await mkdir(own);
      const file = join(own, 'haproxy.cfg');
      await writeFile(file, configuration(port, originPort, tls && (await bundle(own, tls))));
      return Measured.start('proxy', port, ['haproxy', '-q', '-db', '-f', file]);
    },
};

/** It wants certificate and key in one file. */
async function bundle(own: string, { cert, key }: Tls): Promise<string> {
  const file = join(own, 'bundle.pem');
  await writeFile(file, `${await readFile(cert, 'utf8')}\n${await readFile(key, 'utf8')}`);
  return file;
}

function configuration(port: number, originPort: number, bundleFile: string | undefined): string {
  return `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
frontend clients
  bind 127.0.0.1:${port}${bundleFile ? ` ssl crt ${bundleFile}` : ''}
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-Id
  http-after-response set-header X-Request-Id %[unique-id]
  stick-table type string len 64 size 100k expire 10s store http_req_rate(1s)
  http-request track-sc0 req.hdr(x-api-key)
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }
  default_backend origin
backend origin
  http-reuse always
  server origin 127.0.0.1:${originPort}
`;
}
