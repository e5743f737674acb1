// What a process has once, whatever its configuration: instruments, logs, DNS, modules and the state that outlives reloads.
import type { ModuleLoader } from '../../policies/module-loader.ts';
import type { EventLog } from '../../telemetry/events.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Recorder } from '../../telemetry/recorder.ts';
import type { ForwardSettings } from '../../upstream/request-headers.ts';
import type { Resolver } from '../../upstream/resolver.ts';
import type { GatewayConfig } from '../load/load-gateway.ts';
import type { KeptState } from './state.ts';

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
