// Caddy as a bare `reverse_proxy`, with as many kept-alive connections to the origin as the others.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closedPort } from '../../test/support/ports.ts';
import { Measured } from '../process.ts';
import type { Peer, Tls } from './peer.ts';

export const caddy: Peer = {
  name: 'caddy',
  packageName: 'caddy',
  versionCommand: ['caddy', 'version'],
  proxy:
    (tls) =>
    async ({ directory, originPort }) => {
      const port = await closedPort();
      const own = join(directory, `caddy-${port}`);
      await mkdir(own);
      const file = join(own, 'Caddyfile');
      await writeFile(file, configuration(port, originPort, tls));
      const command = ['caddy', 'run', '--adapter', 'caddyfile', '--config', file];
      // One core, like the others. What it keeps goes to the directory that is removed.
      return Measured.start('proxy', port, command, { GOMAXPROCS: '1', XDG_DATA_HOME: own, XDG_CONFIG_HOME: own });
    },
};

function configuration(port: number, originPort: number, tls: Tls | undefined): string {
  return `{
	admin off
	auto_https off
	servers {
		protocols h1
	}
	log {
		level ERROR
	}
}
${tls ? 'https' : 'http'}://127.0.0.1:${port} {
	bind 127.0.0.1
	${tls ? `tls ${tls.cert} ${tls.key}` : ''}
	reverse_proxy 127.0.0.1:${originPort} {
		transport http {
			keepalive_idle_conns 128
			keepalive_idle_conns_per_host 128
		}
	}
}
`;
}
