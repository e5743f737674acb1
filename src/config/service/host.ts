// What a process has once, whatever its configuration: instruments, logs, DNS, modules and the state that outlives reloads.
import { writeSync } from 'node:fs';
import { token } from '../../edge/ids.ts';
import { Pressure } from '../../edge/pressure.ts';
import { ModuleLoader } from '../../policies/module-loader.ts';
import { AccessLog } from '../../telemetry/access-log.ts';
import { createEventLog, type EventLog } from '../../telemetry/events.ts';
import { type LogOutage, LogSink } from '../../telemetry/log-sink.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import { Recorder } from '../../telemetry/recorder.ts';
import type { ForwardSettings } from '../../upstream/request-headers.ts';
import { Resolver } from '../../upstream/resolver.ts';
import { VERSION } from '../../version.ts';
import type { GatewayConfig } from '../load/load-gateway.ts';
import { KeptState } from './state.ts';

/** What a configuration needs of it. */
export interface Host {
  readonly gateway: GatewayConfig;
  readonly metrics: Metrics;
  readonly events: EventLog;
  readonly recorder: Recorder;
  readonly resolver: Resolver;
  readonly modules: ModuleLoader;
  readonly state: KeptState;
  readonly forward: ForwardSettings;
}

/** That of a gateway which serves. */
export interface ServingHost extends Host {
  readonly sink: LogSink;
  readonly pressure: Pressure;
}

/** `log`: a file descriptor, or a file to append to; throws when it cannot be opened. */
export function createHost(gateway: GatewayConfig, log: number | string): ServingHost {
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

/** After the last configuration: what is logged from now on is lost. */
export async function closeHost({ metrics, pressure, sink }: ServingHost): Promise<void> {
  metrics.close();
  pressure.close();
  await sink.close();
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
