// Puts a gateway together: settings, instruments, the configuration in service, and the way down.
import type { Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Express } from 'express';
import { createAdmin } from './admin/app.ts';
import { GatewayView } from './admin/view.ts';
import type { Finding } from './config/check/finding.ts';
import { type GatewayConfig, loadGateway } from './config/load/load-gateway.ts';
import type { Environment } from './config/read/read-source.ts';
import { GatewayFileWatch } from './config/service/gateway-watch.ts';
import { closeHost, createHost, type ServingHost } from './config/service/host.ts';
import { Configuration } from './config/service/reload.ts';
import { attachServer, type ServerLimits } from './edge/attach.ts';
import { answerClientError, answerConnect, type ClientErrorSettings } from './edge/client-error.ts';
import { dataPlane } from './edge/data-plane.ts';
import { closeAfterAnswers, closeOnlyIdle, endExchanges } from './edge/drain.ts';
import { opensWebSocket, upgradeResponse } from './edge/upgrade.ts';
import { LiveExchanges } from './exchange/live.ts';
import { type Machine, serve } from './gateway.ts';
import type { Snapshot } from './route/snapshot.ts';
import type { EventLog } from './telemetry/events.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { matcher } from './tenant/cidr.ts';

export interface GatewayOptions {
  /** Path of routes.yaml. */
  readonly routes: string;
  /** Path of the process settings; without it `config/gateway.yaml`, which may be missing. */
  readonly config?: string;
  /** What `${env:…}` and the overriding variables are read from; the process's own by default. */
  readonly env?: Environment;
  /** Where log lines go: a file descriptor or a file; standard output by default. */
  readonly log?: number | string;
  /** Told of what is wrong, or questionable, whenever a configuration is loaded or refused. */
  readonly onFindings?: (findings: readonly Finding[], accepted: boolean) => void;
}

/** A configuration that cannot serve. `findings` say what is wrong, where, and what to do. */
export class ConfigurationError extends Error {
  readonly findings: readonly Finding[];

  constructor(file: string, findings: readonly Finding[]) {
    super(`${file} has errors`);
    this.name = 'ConfigurationError';
    this.findings = findings;
  }
}

export interface Gateway {
  /** The data plane: an Express app, alone or mounted in one's own. Paths match below its mount point. */
  readonly app: Express;
  /** The admin plane: probes, metrics, API. */
  readonly admin: Express;
  readonly settings: GatewayConfig;
  readonly events: EventLog;
  readonly metrics: Metrics;
  /**
   * Wires what a request handler cannot see into a server that does not listen yet: header limits, parser errors, `Expect`,
   * upgrades. Its requests still go to the server's own listener, which leads to {@link Gateway.app}; a WebSocket does not pass
   * there, and matches by its whole path.
   */
  attach(server: Server | HttpsServer): void;
  /** Reads routes.yaml anew; resolves to whether it is in service. A refusal changes nothing; after `close`, nothing is read. */
  reload(): Promise<boolean>;
  /** Stops being ready, and asks clients to close their connections; goes on serving. */
  drain(): void;
  /**
   * Drains, lets exchanges under way finish for `shutdown.grace`, and closes everything.
   *
   * @param how `served: false`: it never came to that, so the log says nothing of draining and stopping.
   */
  close(how?: { readonly served: boolean }): Promise<void>;
}

/**
 * A gateway from files, ready to serve.
 *
 * @example
 * const gateway = await createGateway({ routes: 'routes.yaml' });
 * const app = express().use('/api', gateway.app);
 * const server = http.createServer(app);
 * gateway.attach(server);
 * server.listen(8080);
 *
 * @throws ConfigurationError when a file has errors.
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const env = options.env ?? process.env;
  const readAtMs = Date.now();
  const loaded = await loadGateway(options.config, env);
  const { config: settings } = loaded;
  if (settings === undefined) throw new ConfigurationError(options.config ?? 'config/gateway.yaml', loaded.findings);
  const host = createHost(settings, options.log ?? process.stdout.fd);
  const live = new LiveExchanges();
  let machine: Machine | undefined;
  let refused: readonly Finding[] = [];
  const configuration = new Configuration({
    file: options.routes,
    env,
    host,
    live,
    swap(snapshot) {
      if (machine === undefined) machine = createMachine(host, snapshot, live);
      else machine.snapshot = snapshot;
    },
    onFindings(findings, accepted) {
      refused = findings;
      // Those of a start that fails come with the error.
      if (machine !== undefined || accepted) options.onFindings?.(findings, accepted);
    },
  });
  await configuration.reload();
  if (machine === undefined) {
    await configuration.close();
    await closeHost(host);
    throw new ConfigurationError(options.routes, refused);
  }
  const settingsWatch = new GatewayFileWatch(options.config, env, settings, host.events);
  await settingsWatch.start(loaded, readAtMs);
  return assemble(machine, configuration, settingsWatch, host);
}

function createMachine(host: ServingHost, snapshot: Snapshot, live: LiveExchanges): Machine {
  const { gateway, recorder, pressure, forward } = host;
  return {
    snapshot,
    edge: {
      urlBytes: gateway.limits.url_bytes,
      headerBytes: gateway.limits.header_bytes,
      headersMax: gateway.limits.headers,
      isTrusted: matcher(gateway.trust_proxies),
      loopToken: forward.via,
    },
    reply: {
      problemBase: gateway.http.problem_base,
      serverTiming: gateway.http.server_timing,
      draining: false,
      incidents: recorder.crash,
    },
    healthPath: gateway.listen.health ?? '',
    recorder,
    pressure,
    live,
  };
}

function assemble(
  machine: Machine,
  configuration: Configuration,
  settingsWatch: GatewayFileWatch,
  host: ServingHost,
): Gateway {
  const { gateway: settings, events, metrics } = host;
  const app = dataPlane((req, res) => serve(machine, req, res));
  const admin = createAdmin(new GatewayView(machine, configuration, host), {
    token: settings.admin.token,
    events,
    problemBase: settings.http.problem_base,
  });
  let closing: Promise<void> | undefined;
  const startDrain = (): void => {
    if (machine.reply.draining) return;
    machine.reply.draining = true;
    closeAfterAnswers(machine.live);
    events.log('info', 'draining', { in_flight: machine.live.size });
  };
  const shutDown = async (served: boolean): Promise<void> => {
    if (served) startDrain();
    for (const x of machine.live.all()) x.call?.goAway?.();
    await drained(machine, settings.shutdown.grace);
    settingsWatch.close();
    await configuration.close();
    if (served) events.log('info', 'stopped');
    await closeHost(host);
  };
  return {
    app,
    admin,
    settings,
    events,
    metrics,
    attach: (server) => attach(server, machine, settings, () => closing !== undefined),
    reload: () => configuration.reload(),
    drain: startDrain,
    close: ({ served } = { served: true }) => (closing ??= shutDown(served)),
  };
}

function attach(
  server: Server | HttpsServer,
  machine: Machine,
  settings: GatewayConfig,
  isClosing: () => boolean,
): void {
  const { limits, http } = settings;
  const clientErrors: ClientErrorSettings = {
    problemBase: http.problem_base,
    urlBytes: limits.url_bytes,
    headerBytes: limits.header_bytes,
    record: (x) => machine.recorder.record(x),
  };
  const serverLimits: ServerLimits = {
    headerBytes: limits.header_bytes,
    urlBytes: limits.url_bytes,
    headerTimeoutMs: limits.header_timeout,
    connections: limits.connections,
  };
  closeOnlyIdle(server, machine.live);
  attachServer(server, serverLimits, {
    onClientError: (error, socket) => answerClientError(error, socket, clientErrors),
    onConnect: (_req, socket) => answerConnect(socket, clientErrors),
    // One that comes this late is not worth opening: served as a plain request, it sends the client elsewhere.
    upgrades: (req) => !isClosing() && opensWebSocket(req, machine.edge, machine.snapshot),
    onUpgrade(req, socket, head) {
      const res = upgradeResponse(req, socket, head);
      if (res !== undefined) serve(machine, req, res, true);
    },
  });
}

/** Resolves when no exchange is under way any more; those that outlast the grace are ended. */
async function drained(machine: Machine, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  machine.onIdle = () => {
    if (machine.live.size === 0) resolve();
  };
  machine.onIdle();
  let timer = setTimeout(() => {
    timer = endExchanges(machine.live);
  }, graceMs);
  await promise;
  clearTimeout(timer);
}
