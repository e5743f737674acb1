// Large bodies, either way.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BODY_FILES } from '../body-files.ts';
import { http, type Request } from '../loads/http.ts';
import { nginx, serveWithNginx } from '../peers/nginx.ts';
import { contendersOf, type Peer } from '../peers/peer.ts';
import type { Measured } from '../process.ts';
import { recipe } from '../recipe.ts';
import type { Comparison, Contender, Goal, Load } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { KEY } from '../sluice-files.ts';

const headers = { 'x-api-key': KEY };
const HUNDRED_KILOBYTES = 100_000;
const TEN_MEGABYTES = 10_000_000;
const upload: Request = { path: '/bodies', method: 'POST', headers, body: 'x'.repeat(TEN_MEGABYTES) };
/** Bodies of one kind, all the same. */
const KINDS: readonly { readonly name: string; readonly load: Load }[] = [
  { name: '100 KB down', load: http({ path: `/bodies/${HUNDRED_KILOBYTES}`, headers }, { connections: 32 }) },
  { name: '10 MB down', load: http({ path: `/bodies/${TEN_MEGABYTES}`, headers }, { connections: 2 }) },
  { name: '10 MB up', load: http(upload, { connections: 2 }) },
];

/** As it passes large bodies on best: through memory alone, in both directions as they come. */
const streaming: Peer = {
  ...nginx,
  proxy:
    () =>
    ({ directory, originPort }) =>
      serveWithNginx('proxy', directory, {
        http: `upstream origin { server 127.0.0.1:${originPort}; keepalive 128; keepalive_requests 1000000000; }`,
        server: `client_max_body_size 0;
          location / {
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_request_buffering off; proxy_max_temp_file_size 0; proxy_buffers 16 64k; proxy_buffer_size 64k;
            proxy_busy_buffers_size 128k; client_body_buffer_size 64k;
          }`,
      }),
};

/**
 * It costs the core that it shares with the load as little as can be: files that the kernel sends, and bodies read into memory
 * before the answer, which comes from a second server, since nginx answers without reading when it may.
 */
async function startOrigin(directory: string): Promise<Measured> {
  const files = join(directory, 'body-files');
  const socket = join(directory, 'taken.sock');
  await mkdir(join(files, 'bodies'), { recursive: true });
  for (const bytes of [HUNDRED_KILOBYTES, TEN_MEGABYTES])
    await writeFile(join(files, 'bodies', String(bytes)), Buffer.alloc(bytes));
  return serveWithNginx('load', directory, {
    http: `sendfile on; tcp_nopush on; server { listen unix:${socket}; return 200 taken; }`,
    server: `root ${files}; client_max_body_size 0; client_body_buffer_size 16m;
      location = /bodies {
        proxy_pass http://unix:${socket}; proxy_pass_request_body off; proxy_set_header Content-Length "";
      }`,
  });
}

const named = (name: string, kind: string): string => `${name}, ${kind}`;

function contenders({ name, load }: (typeof KINDS)[number]): Contender[] {
  return [
    { name: named('sluice', name), start: sluice(BODY_FILES), load, ours: true },
    { name: named('express + undici', name), start: recipe('express-undici.ts'), load },
    ...contendersOf([streaming], load).contenders.map((peer) => ({ ...peer, name: named(peer.name, name) })),
  ];
}

const { absent } = contendersOf([streaming], http(upload, { connections: 1 }));

function goals({ name }: (typeof KINDS)[number]): Goal[] {
  if (absent.length > 0 || !name.startsWith('10 MB')) return [];
  return [{ subject: named('sluice', name), against: named('nginx', name), measure: 'throughput', atLeast: 0.8 }];
}

const comparison: Comparison = {
  kind: 'comparison',
  name: 'bodies',
  title: 'bodies of 100 KB and 10 MB, downloaded and uploaded',
  unit: 'request',
  origin: startOrigin,
  contenders: KINDS.flatMap(contenders),
  goals: KINDS.flatMap(goals),
  absent,
};

export default comparison;
