// A real nginx as an upstream: what Sluice must get along with, written by others.
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { CleanUp } from './clean-up.ts';
import { temporaryDirectory } from './files.ts';
import { closedPort } from './ports.ts';
import { spawnBound } from './process.ts';
import { eventually } from './wait.ts';

/** Starts nginx on a free loopback port; `server` is the inside of its `server { … }` block. */
export async function startNginx(t: CleanUp, server: string): Promise<{ url: string; port: number }> {
  const port = await closedPort();
  const directory = await temporaryDirectory(t, { 'nginx.conf': configuration(port, server) });
  const nginx = spawnBound('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', 'stderr']);
  nginx.stdout.resume();
  let said = '';
  nginx.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(nginx, 'spawn');
  const exited = once(nginx, 'exit');
  t.after(async () => {
    nginx.kill('SIGTERM');
    await exited;
  });
  await eventually(() => {
    if (nginx.exitCode !== null) throw new Error(`nginx exited with ${nginx.exitCode}: ${said}`);
    return accepts(port);
  }, `nginx on port ${port}`);
  return { url: `http://127.0.0.1:${port}`, port };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function configuration(port: number, server: string): string {
  return `
daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}`;
}
