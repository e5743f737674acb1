// The sockets of `sluice serve`: data, admin and the redirect to HTTPS, all of them or none.
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import { setFlagsFromString } from 'node:v8';
import { FileWatcher } from '../config/service/watch.ts';
import type { Gateway } from '../create-gateway.ts';
import { type CertificateFiles, readCertificate } from '../edge/certificate.ts';
import { createRedirect } from '../edge/redirect.ts';
import { messageOf } from '../telemetry/thrown.ts';

const SOCKETS = {
  /**
   * Node's 64 KiB let a second chunk of an answer wait behind one that its client does not read, and tell nobody that the first is
   * out: `upstream/passage.ts` reads into other memory then.
   */
  highWaterMark: 16_384,
  /** A request that announces no body has none to be read: without this each of them is a stream that is read to its end. */
  optimizeEmptyRequests: true,
};

/**
 * What is read from a socket lies outside the heap. By itself V8 marks the whole heap for each 64 MiB of that: more than half of the
 * work, when large bodies pass. With this, heap and buffers have one limit, which grows with what there is; see ADR 20.
 */
const BUFFERS_COUNT_WITH_THE_HEAP = '--external-memory-accounted-in-global-limit';

/** Why the gateway cannot be reached where its settings say. */
export class ListenError extends Error {
  /** Where it is set: `listen.port (PORT)`. */
  readonly setting: string;
  /** Host and port, or the file that cannot be used. */
  readonly address: string;
  readonly code: string;

  constructor(setting: string, address: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'ListenError';
    this.setting = setting;
    this.address = address;
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  }

  /** What to do about it. */
  get help(): string {
    switch (this.code) {
      case 'EADDRINUSE':
        return `something else listens there, perhaps another gateway: stop it, or set ${this.setting} otherwise`;
      case 'EACCES':
        return 'ports below 1024 need CAP_NET_BIND_SERVICE: choose another, or grant it';
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
        return 'the host is no address of this machine: 0.0.0.0 and :: are all of them';
      default:
        return `set ${this.setting} otherwise`;
    }
  }
}

export interface Servers {
  readonly data: Server | SecureServer;
  readonly admin: Server;
  readonly redirect: Server | undefined;
  readonly certificates: FileWatcher | undefined;
}

/**
 * Listens, and says so in the log.
 *
 * @throws ListenError when a port or certificate cannot be had; then nothing listens.
 */
export async function listen(gateway: Gateway): Promise<Servers> {
  const { listen: at, admin: adminAt } = gateway.settings;
  setFlagsFromString(BUFFERS_COUNT_WITH_THE_HEAP);
  const data = at.tls === undefined ? createServer(SOCKETS, gateway.app) : secureServer(gateway, at.tls);
  gateway.attach(data);
  const admin = createServer(gateway.admin);
  const certificates = at.tls && (await watchCertificate(gateway, data, at.tls));
  const redirect = at.redirect_http === undefined ? undefined : createRedirect(() => portOf(data));
  const bound = await Promise.allSettled([
    bind(data, { setting: 'listen.port (PORT)', port: at.port, host: at.host }),
    bind(admin, { setting: 'admin.port (ADMIN_PORT)', port: adminAt.port, host: adminAt.host }),
    redirect && bind(redirect, { setting: 'listen.redirect_http', port: at.redirect_http ?? 0, host: at.host }),
  ]);
  const failed = bound.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    // Those that did get their port would keep the process alive.
    for (const each of [data, admin, redirect, certificates]) each?.close();
    throw failed.reason;
  }
  gateway.events.log('info', 'listening', {
    listen: addressOf(data, at.tls === undefined ? 'http' : 'https'),
    admin: addressOf(admin, 'http'),
    ...(redirect !== undefined && { redirect: addressOf(redirect, 'http') }),
    pid: process.pid,
  });
  return { data, admin, redirect, certificates };
}

function secureServer(gateway: Gateway, files: CertificateFiles): SecureServer {
  const { cert, key, expiresAtMs } = certificateFrom(files);
  gateway.metrics.listenerCertificate('data', expiresAtMs);
  const options = {
    ...SOCKETS,
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ALPNProtocols: ['http/1.1'],
    // Whoever may not take longer over a header section may not over what comes before it.
    handshakeTimeout: gateway.settings.limits.header_timeout,
  };
  return createSecureServer(options, gateway.app);
}

function certificateFrom(files: CertificateFiles): ReturnType<typeof readCertificate> {
  try {
    return readCertificate(files);
  } catch (error) {
    throw new ListenError('listen.tls', files.cert, error);
  }
}

/** New connections get the new certificate; one that does not work leaves the old one in place. */
async function watchCertificate(
  gateway: Gateway,
  server: Server | SecureServer,
  files: CertificateFiles,
): Promise<FileWatcher> {
  const watcher = new FileWatcher(() => {
    try {
      const { cert, key, expiresAtMs } = readCertificate(files);
      if ('setSecureContext' in server) server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
      gateway.metrics.listenerCertificate('data', expiresAtMs);
      gateway.events.log('info', 'certificate_reloaded', {
        cert: files.cert,
        expires_at: new Date(expiresAtMs).toISOString(),
      });
    } catch (error) {
      gateway.events.log('error', 'certificate_refused', { cert: files.cert, error });
    }
  });
  await watcher.follow([files.cert, files.key], await watcher.mark());
  return watcher;
}

interface Binding {
  readonly setting: string;
  readonly port: number;
  readonly host: string;
}

function bind(server: Server | SecureServer, { setting, port, host }: Binding): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(new ListenError(setting, `${host}:${port}`, error));
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function portOf(server: Server | SecureServer): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function addressOf(server: Server | SecureServer, scheme: string): string {
  const address = server.address();
  if (typeof address !== 'object' || address === null) return '';
  return `${scheme}://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
