// `sluice serve`: the gateway as a process. Exit 78 (EX_CONFIG of sysexits.h) when a file has errors.
import { inspect } from 'node:util';
import type { Finding } from '../config/check/finding.ts';
import { ConfigurationError, createGateway, type Gateway } from '../create-gateway.ts';
import { culprit } from '../policies/module-context.ts';
import { reportIncident } from '../telemetry/incident.ts';
import { errorOf } from '../telemetry/thrown.ts';
import { findingsJson, showFindings } from './findings.ts';
import { ListenError, listen, type Servers } from './listen.ts';
import type { Terminal } from './verb.ts';

const EX_CONFIG = 78;
/** EX_UNAVAILABLE: a port is taken. */
const EX_UNAVAILABLE = 69;

export interface ServeOptions {
  readonly routesFile: string;
  /** Undefined: config/gateway.yaml, which may be missing. */
  readonly configFile: string | undefined;
  /** Findings as JSON, one document a load. */
  readonly json: boolean;
  readonly terminal: Terminal;
}

/** Runs until SIGTERM or SIGINT; resolves to the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const { terminal } = options;
  const gateway = await start(options);
  if (gateway === undefined) return EX_CONFIG;
  process.on('uncaughtException', (thrown) => onUncaught(thrown, gateway, terminal));
  let servers: Servers;
  try {
    servers = await listen(gateway);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const { setting, address, message: reason, help } = error;
    gateway.events.log('error', 'listen_failed', { setting, address, reason });
    terminal.err(`sluice: cannot listen on ${address} (${setting}): ${reason}\n  help: ${help}\n`);
    await gateway.close({ served: false });
    return EX_UNAVAILABLE;
  }
  process.on('SIGHUP', () => void gateway.reload());
  await stopSignal();
  await stop(gateway, servers);
  return 0;
}

async function start({ routesFile, configFile, json, terminal }: ServeOptions): Promise<Gateway | undefined> {
  // Standard output is the log's: findings go where they do not mix with it.
  const show = (findings: readonly Finding[]): void =>
    terminal.err(json ? findingsJson(findings) : showFindings(findings, terminal.colour));
  try {
    return await createGateway({
      routes: routesFile,
      env: terminal.env,
      onFindings: show,
      ...(configFile !== undefined && { config: configFile }),
    });
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    show(error.findings);
    return undefined;
  }
}

/**
 * What an own module throws where nothing catches it costs its own request at most, not everyone's. Any other bug may have left
 * anything half-done: the process ends, as it would have by itself.
 */
function onUncaught(thrown: unknown, { events }: Gateway, terminal: Terminal): void {
  const error = errorOf(thrown);
  const owner = culprit(thrown);
  reportIncident(events, error, { request_id: owner?.requestId, module: owner?.module, route: owner?.route });
  if (owner !== undefined) return owner.fail?.(error);
  terminal.err(`sluice: ${inspect(thrown)}\n`);
  process.exit(1);
}

/** The first SIGTERM or SIGINT drains; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
      asked = true;
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

/** Unready at once, still accepting for `shutdown.delay` (load balancers look only now and then), then drained. */
async function stop(gateway: Gateway, { data, admin, redirect, certificates }: Servers): Promise<void> {
  gateway.drain();
  const { delay } = gateway.settings.shutdown;
  if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
  certificates?.close();
  redirect?.close();
  data.close();
  data.closeIdleConnections();
  await gateway.close();
  data.closeAllConnections();
  admin.close();
  admin.closeAllConnections();
}
