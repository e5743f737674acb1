// nginx: as a proxy that does a little of the same (request ID, one limit), and as the origin behind everybody.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closedPort } from '../../test/support/ports.ts';
import { Measured, type Role } from '../process.ts';
import type { Peer } from './peer.ts';

interface Blocks {
  /** Inside `http { … }`, before the server. */
  readonly http: string;
  /** Inside `server { … }`. */
  readonly server: string;
  /** Of `listen`: `ssl`. */
  readonly listen?: string;
}

export const nginx: Peer = {
  name: 'nginx',
  packageName: 'nginx-light',
  versionCommand: ['nginx', '-v'],
  proxy:
    (tls) =>
    ({ directory, originPort }) =>
      serveWithNginx('proxy', directory, {
        listen: tls ? 'ssl' : '',
        http: `upstream origin { server 127.0.0.1:${originPort}; keepalive 128; keepalive_requests 1000000000; }
          limit_req_zone $http_x_api_key zone=keys:10m rate=1000000r/s;`,
        server: `${tls ? `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};` : ''}
          client_max_body_size 0;
          location / {
            limit_req zone=keys burst=1000000 nodelay;
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Request-Id $request_id; add_header X-Request-Id $request_id;
          }`,
      }),
};

/** One worker, no master, nothing written: its files are in a directory of its own under `directory`. */
export async function serveWithNginx(
  role: Role,
  directory: string,
  { http, server, listen = '' }: Blocks,
): Promise<Measured> {
  const port = await closedPort();
  const own = join(directory, `nginx-${port}`);
  await mkdir(own);
  await writeFile(
    join(own, 'nginx.conf'),
    `daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr error;
     events { worker_connections 4096; }
     http {
       access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
       client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
       ${http}
       server { listen 127.0.0.1:${port} ${listen}; ${server} }
     }`,
  );
  return Measured.start(role, port, ['nginx', '-e', 'stderr', '-p', own, '-c', join(own, 'nginx.conf')]);
}
