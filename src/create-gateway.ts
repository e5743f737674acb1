// Puts a gateway together: settings, instruments, the configuration in service, and the way down.
import { writeSync } from 'node:fs';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import express, { type Express } from 'express';
import { createAdmin } from './admin/app.ts';
import { GatewayView } from './admin/view.ts';
import type { Finding } from './config/check/finding.ts';
import { type GatewayConfig, loadGateway } from './config/load/load-gateway.ts';
import type { Environment } from './config/read/read-source.ts';
import { GatewayFileWatch } from './config/service/gateway-watch.ts';
import type { Host } from './config/service/host.ts';
import { Configuration } from './config/service/reload.ts';
import { KeptState } from './config/service/state.ts';
import { attachServer } from './edge/attach.ts';
import { answerClientError, answerConnect, type ClientErrorSettings } from './edge/client-error.ts';
import { closeAfterAnswers, endExchanges } from './edge/drain.ts';
import { token } from './edge/ids.ts';
import { Pressure } from './edge/pressure.ts';
import { opensWebSocket, upgradeResponse } from './edge/upgrade.ts';
import { LiveExchanges } from './exchange/live.ts';
import { type Machine, serve } from './gateway.ts';
import { ModuleLoader } from './policies/module-loader.ts';
import type { Snapshot } from './route/snapshot.ts';
import { AccessLog } from './telemetry/access-log.ts';
import { createEventLog, type EventLog } from './telemetry/events.ts';
import { type LogOutage, LogSink } from './telemetry/log-sink.ts';
import { Metrics } from './telemetry/metrics.ts';
import { Recorder } from './telemetry/recorder.ts';
import { matcher } from './tenant/cidr.ts';
import { Resolver } from './upstream/resolver.ts';
import { VERSION } from './version.ts';

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
  /** Reads routes.yaml anew; resolves to whether it is in service. A refusal changes nothing. */
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
  const settingsWatch = new GatewayFileWatch(options.config, env, settings, host.events);
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
      if (machine !== undefined || accepted) options.onFindings?.(findings, accepted);
    },
  });
  await configuration.reload();
  if (machine === undefined) {
    settingsWatch.close();
    await configuration.close();
    await closeHost(host);
    throw new ConfigurationError(options.routes, refused);
  }
  await settingsWatch.start(loaded, readAtMs);
  return assemble(machine, configuration, settingsWatch, host);
}

interface OwnHost extends Host {
  readonly sink: LogSink;
  readonly pressure: Pressure;
}

function createHost(gateway: GatewayConfig, log: number | string): OwnHost {
  const metrics = new Metrics({ version: VERSION, maxTenants: gateway.metrics.tenants });
  const sink = new LogSink({
    destination: log,
    dropped: metrics.logLinesDropped,
    writeErrors: metrics.logWriteErrors,
    onOutage: tellLogOutage,
  });
  const events = createEventLog(sink, gateway.log.level);
  const accessLog = gateway.log.access ? new AccessLog(sink, { headers: gateway.log.headers }) : undefined;
  return {
    gateway,
    metrics,
    events,
    sink,
    pressure: new Pressure((shortOf, { heapUsedBytes, lateMs }) =>
      events.log(shortOf === undefined ? 'info' : 'error', 'overload', {
        shedding: shortOf !== undefined,
        ...(shortOf !== undefined && { short_of: shortOf }),
        heap_used_bytes: heapUsedBytes,
        late_ms: lateMs,
      }),
    ),
    recorder: new Recorder(metrics, accessLog, events),
    resolver: new Resolver({
      onStale: (name, error) => events.log('warn', 'dns_stale', { name, error: error.message }),
    }),
    modules: new ModuleLoader(),
    state: new KeptState(),
    forward: { via: `${gateway.http.via} (${token()})`, forwarded: gateway.http.forwarded },
  };
}

/** To standard error, by the one call that neither waits nor throws later: the two are often the same full disk. */
function tellLogOutage({ error, droppedLines }: LogOutage): void {
  const text =
    error === undefined
      ? `the log is written again; ${droppedLines} lines were lost`
      : `the log cannot be written (${error.message}): lines are kept for a while, then dropped`;
  try {
    writeSync(process.stderr.fd, `sluice: ${text}\n`);
  } catch {
    // `sluice_log_write_errors_total` is left.
  }
}

async function closeHost(host: OwnHost): Promise<void> {
  host.metrics.close();
  host.pressure.close();
  await host.sink.close();
}

function createMachine(host: OwnHost, snapshot: Snapshot, live: LiveExchanges): Machine {
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
    reply: { problemBase: gateway.http.problem_base, serverTiming: gateway.http.server_timing, draining: false },
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
  host: OwnHost,
): Gateway {
  const { gateway: settings, events, metrics } = host;
  const app = dataPlane((req, res) => serve(machine, req, res));
  const admin = createAdmin(new GatewayView(machine, configuration, host), {
    token: settings.admin.token,
    events,
    problemBase: settings.http.problem_base,
  });
  const clientErrors: ClientErrorSettings = {
    problemBase: settings.http.problem_base,
    urlBytes: settings.limits.url_bytes,
    headerBytes: settings.limits.header_bytes,
    record: (x) => machine.recorder.record(x),
  };
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
    attach(server) {
      attachServer(server, serverLimits(settings), {
        onClientError: (error, socket) => answerClientError(error, socket, clientErrors),
        onConnect: (_req, socket) => answerConnect(socket, clientErrors),
        // One that comes this late is not worth opening: served as a plain request, it sends the client elsewhere.
        upgrades: (req) => closing === undefined && opensWebSocket(req, machine.edge, machine.snapshot),
        onUpgrade(req, socket, head) {
          const res = upgradeResponse(req, socket, head);
          if (res !== undefined) serve(machine, req, res, true);
        },
      });
    },
    reload: () => configuration.reload(),
    drain: startDrain,
    close: ({ served } = { served: true }) => (closing ??= shutDown(served)),
  };
}

/**
 * One handler and no routing of Express's: its router is linear, and decodes what must stay as it came. While nobody adds to
 * the app, a request goes straight to that handler; the prototypes that Express gives every request are set where middleware
 * runs.
 */
function dataPlane(listener: RequestListener): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((req, res) => listener(req, res));
  const { handle } = app as unknown as { handle: Handle };
  const own = app.router.stack.length;
  const direct: Handle = (req, res, next) => {
    if (app.router.stack.length === own) listener(req, res);
    else handle.call(app, req, res, next);
  };
  return Object.assign(app, { handle: direct });
}

/** Express's own way in; its types leave it out. */
type Handle = (this: unknown, req: IncomingMessage, res: ServerResponse, next: unknown) => void;

function serverLimits({ limits }: GatewayConfig) {
  return {
    headerBytes: limits.header_bytes,
    urlBytes: limits.url_bytes,
    headerTimeoutMs: limits.header_timeout,
    connections: limits.connections,
  };
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
