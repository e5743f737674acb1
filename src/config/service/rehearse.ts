// What only building shows: templates that name no parameter, modules that do not load, certificates that cannot be read.
// `serve` finds it while it compiles; this compiles the same way, in a host that nobody sees, and puts the result away.
import { ConfiguredModules, ModuleLoader } from '../../policies/module-loader.ts';
import { Metrics } from '../../telemetry/metrics.ts';
import { Recorder } from '../../telemetry/recorder.ts';
import { Resolver } from '../../upstream/resolver.ts';
import { VERSION } from '../../version.ts';
import type { Finding } from '../check/finding.ts';
import type { GatewayConfig } from '../format/gateway-schema.ts';
import { ONE_TURN } from '../load/turns.ts';
import { type CompileParts, compile } from './compile.ts';
import { retire } from './retire.ts';
import { KeptState } from './state.ts';

/** What would be found if this configuration were taken into service by a process with these settings. */
export async function rehearse(loaded: CompileParts['loaded'], gateway: GatewayConfig): Promise<readonly Finding[]> {
  const metrics = new Metrics({ version: VERSION, maxTenants: gateway.metrics.tenants });
  const events = { log: () => undefined };
  const host = {
    gateway,
    metrics,
    events,
    recorder: new Recorder(metrics, undefined, events),
    resolver: new Resolver(),
    modules: new ModuleLoader(),
    state: new KeptState(),
    forward: { via: '', forwarded: gateway.http.forwarded },
  };
  const modules = new ConfiguredModules(host.modules);
  const { candidate, findings } = await compile({
    loaded,
    modules,
    host,
    generation: 1,
    previous: undefined,
    turns: ONE_TURN,
  });
  if (candidate !== undefined) await retire(candidate.service, undefined, host);
  metrics.close();
  return findings;
}
