// Who is measured: Sluice with its full chain, the plain Node recipes, and the proxies this machine has.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closedPort } from '../test/support/ports.ts';
import { isInstalled, Measured, type Role } from './process.ts';
import type { SluiceFiles } from './sluice-files.ts';

/** Where a contender works: files of its own, and the origin it forwards to. */
export interface Ground {
  readonly directory: string;
  readonly originPort: number;
}

export type Starter = (ground: Ground) => Promise<Measured>;

const here = import.meta.dirname;

/** A proxy written in TypeScript in `bench/proxies/`. */
export function recipe(file: string, role: Role = 'proxy'): Starter {
  return async ({ originPort }) => {
    const port = await closedPort();
    const script = join(here, 'proxies', file);
    return Measured.start(role, port, [process.execPath, script, String(port), `http://127.0.0.1:${originPort}`], {
      NODE_ENV: 'production',
    });
  };
}

export function sluice(files: SluiceFiles): Starter {
  return async ({ directory, originPort }) => {
    const port = await closedPort();
    const adminPort = await closedPort();
    const own = join(directory, `sluice-${port}`);
    await mkdir(own);
    await writeFile(join(own, 'routes.yaml'), files.routes(originPort));
    await writeFile(join(own, 'gateway.yaml'), 'log: { level: warn, access: true }\n');
    const command = ['serve', '--routes', join(own, 'routes.yaml'), '--config', join(own, 'gateway.yaml')];
    return Measured.start('proxy', port, [process.execPath, join(here, '../src/main.ts'), ...command], {
      NODE_ENV: 'production',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
    });
  };
}

/** nginx as a proxy that does a little of the same: request ID, one limit, kept-alive upstream connections. */
export async function nginxProxy({ directory, originPort }: Ground): Promise<Measured> {
  const port = await closedPort();
  return startNginx(
    'proxy',
    directory,
    port,
    `upstream origin { server 127.0.0.1:${originPort}; keepalive 128; }
     limit_req_zone $http_x_api_key zone=keys:10m rate=1000000r/s;`,
    `location / {
       limit_req zone=keys burst=1000000 nodelay;
       proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
       proxy_set_header X-Request-Id $request_id; add_header X-Request-Id $request_id;
     }`,
  );
}

export async function caddy({ originPort }: Ground): Promise<Measured> {
  const port = await closedPort();
  const command = ['caddy', 'reverse-proxy', '--from', `http://127.0.0.1:${port}`, '--to', `127.0.0.1:${originPort}`];
  return Measured.start('proxy', port, command, { GOMAXPROCS: '1' });
}

/** The origin behind them all: 406 bytes of JSON, from the fastest server there is here. */
export async function startOrigin(directory: string): Promise<Measured> {
  const body = JSON.stringify({ ok: true, filler: 'x'.repeat(406 - 24) });
  const port = await closedPort();
  return startNginx('load', directory, port, '', `location / { default_type application/json; return 200 '${body}'; }`);
}

async function startNginx(
  role: 'proxy' | 'load',
  directory: string,
  port: number,
  http: string,
  server: string,
): Promise<Measured> {
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
       server { listen 127.0.0.1:${port}; ${server} }
     }`,
  );
  return Measured.start(role, port, ['nginx', '-e', 'stderr', '-p', own, '-c', join(own, 'nginx.conf')]);
}

/** Says exactly what to install instead of measuring something else. */
export function assertTools(): void {
  const missing = ['wrk', 'nginx'].filter((command) => !isInstalled(command));
  if (missing.length === 0) return;
  console.error(`missing: ${missing.join(', ')}. Install with: apt-get install --yes wrk nginx-light`);
  process.exit(1);
}
