// The process settings are read once. When their files change, this says that a restart is needed, and whether it would succeed.
import { isDeepStrictEqual } from 'node:util';
import type { EventLog } from '../../telemetry/events.ts';
import { findingFields } from '../check/finding.ts';
import { type GatewayConfig, type LoadedGateway, loadGateway } from '../load/load-gateway.ts';
import type { Environment } from '../read/read-source.ts';
import { FileWatcher } from './watch.ts';

export class GatewayFileWatch {
  readonly #file: string | undefined;
  readonly #env: Environment;
  readonly #inUse: GatewayConfig;
  readonly #events: EventLog;
  readonly #watcher: FileWatcher;

  /** @param file as `loadGateway` takes it. */
  constructor(file: string | undefined, env: Environment, inUse: GatewayConfig, events: EventLog) {
    this.#file = file;
    this.#env = env;
    this.#inUse = inUse;
    this.#events = events;
    this.#watcher = new FileWatcher(() => void this.#compare());
  }

  /** @param readAtMs when `files` were read, in milliseconds since 1970. */
  async start({ files }: LoadedGateway, readAtMs: number): Promise<void> {
    await this.#watcher.follow(files, { atMs: readAtMs, prints: new Map() });
  }

  close(): void {
    this.#watcher.close();
  }

  async #compare(): Promise<void> {
    const mark = await this.#watcher.mark();
    const { config, files, findings } = await loadGateway(this.#file, this.#env);
    await this.#watcher.follow(files, mark);
    if (config === undefined) {
      this.#events.log('error', 'restart_would_fail', { files, findings: findingFields(findings) });
    } else if (!isDeepStrictEqual(config, this.#inUse)) {
      this.#events.log('warn', 'restart_needed', { files, changed: changedSections(this.#inUse, config) });
    }
  }
}

function changedSections(before: GatewayConfig, after: GatewayConfig): readonly string[] {
  const old: ReadonlyMap<string, unknown> = new Map(Object.entries(before));
  return Object.entries(after).flatMap(([section, value]) =>
    isDeepStrictEqual(value, old.get(section)) ? [] : [section],
  );
}
