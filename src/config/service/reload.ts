// The configuration in service, and how another one takes its place: whole or not at all, without losing a request.
import type { Exchange } from '../../exchange/exchange.ts';
import type { LiveExchanges } from '../../exchange/live.ts';
import { ConfiguredModules } from '../../policies/module-loader.ts';
import type { Snapshot } from '../../route/snapshot.ts';
import { messageOf } from '../../telemetry/thrown.ts';
import { type Finding, findingFields, sortFindings } from '../check/finding.ts';
import { type LoadedRoutes, loadRoutes } from '../load/load-routes.ts';
import { ONE_TURN, ShortTurns } from '../load/turns.ts';
import type { Environment } from '../read/read-source.ts';
import { type Changes, changesBetween, takesAway } from './changes.ts';
import { compile, type Service } from './compile.ts';
import { forbidden } from './forbidden.ts';
import type { Host } from './host.ts';
import { retire } from './retire.ts';
import { FileWatcher } from './watch.ts';

/** How an attempt to load ended; for the status API. */
export interface ReloadRecord {
  /** RFC 3339. */
  readonly at: string;
  readonly result: 'loaded' | 'refused' | 'failed' | 'unchanged';
  /** Of what was read, `errors` too: with `unchanged`, those of the attempt before. With `failed` nothing was: ''. */
  readonly hash: string;
  readonly errors: number;
  /** To what served before; undefined when nothing did, or nothing was loaded. */
  readonly changes?: Changes;
}

export interface ConfigurationOptions {
  readonly file: string;
  readonly env: Environment;
  readonly host: Host;
  /** Exchanges under way: those that a new configuration forbids are ended. */
  readonly live: LiveExchanges;
  /** Puts a snapshot into service: one assignment. */
  readonly swap: (snapshot: Snapshot) => void;
  /** Told of every load that had findings, good or bad. */
  readonly onFindings: (findings: readonly Finding[], accepted: boolean) => void;
}

const RECORDS = 10;
/** A revoked key is dead within 5 s: what still runs for it is ended after this. */
const REVOKED_GRACE_MS = 2_000;

export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly #watcher: FileWatcher;
  readonly #records: ReloadRecord[] = [];
  #service: Service | undefined = undefined;
  #schemas: LoadedRoutes['schemas'] | undefined = undefined;
  #files: readonly string[] = [];
  #modules: ConfiguredModules;
  /** Hash of the files read last, good or bad; '' when they may have changed since. */
  #lastHash = '';
  /** Whether what was read last is in service. */
  #serves = false;
  #generation = 0;
  #refusedFor: readonly Record<string, unknown>[] = [];
  #running: Promise<boolean> | undefined = undefined;
  #again: Promise<boolean> | undefined = undefined;
  #retiring = new Set<Promise<void>>();
  #closed = false;

  constructor(options: ConfigurationOptions) {
    this.#options = options;
    this.#modules = new ConfiguredModules(options.host.modules);
    this.#watcher = new FileWatcher(() => void this.reload());
  }

  get service(): Service | undefined {
    return this.#service;
  }

  get files(): readonly string[] {
    return this.#files;
  }

  get records(): readonly ReloadRecord[] {
    return this.#records;
  }

  /** Whether what was read last is in service: not after a refusal, nor after reading the same again. */
  get isCurrent(): boolean {
    return this.#serves;
  }

  /** The first errors of what was read last, as in the log; empty when it is in service. */
  get refusedFor(): readonly Record<string, unknown>[] {
    return this.#refusedFor;
  }

  /**
   * Reads the files anew. Resolves to whether what they say is in service now; a refusal leaves everything as it was.
   * Calls while one runs share the next one. Once closed, nothing would close what came of another: false.
   */
  reload(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#running === undefined) {
      this.#running = this.#load()
        .catch((error: unknown) => this.#failed(error))
        .finally(() => {
          this.#running = undefined;
        });
      return this.#running;
    }
    this.#again ??= this.#running.then(() => {
      this.#again = undefined;
      return this.reload();
    });
    return this.#again;
  }

  /** Stops watching, and closes what serves once its last exchange has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher.close();
    await this.#running;
    const service = this.#service;
    if (service !== undefined) {
      await service.snapshot.drained();
      await retire(service, undefined, this.#options.host);
    }
    await Promise.all(this.#retiring);
  }

  async #load(): Promise<boolean> {
    const { file, env, host } = this.#options;
    const mark = await this.#watcher.mark();
    // A start has nothing to serve meanwhile.
    const turns = this.#service === undefined ? ONE_TURN : new ShortTurns();
    const beside = this.#service && { turns, schemas: this.#schemas };
    const loaded = await loadRoutes(file, env, beside);
    const { config, hash } = loaded;
    if (this.#service !== undefined && hash === this.#lastHash && this.#modules.areCurrent) {
      await this.#watcher.follow(this.#files, mark);
      const [last] = this.#records;
      this.#record('unchanged', last?.hash ?? hash, last?.errors ?? 0);
      return this.#serves;
    }
    const modules = new ConfiguredModules(host.modules);
    const { candidate, findings } =
      config === undefined
        ? { findings: [] }
        : await compile({
            loaded: { ...loaded, config },
            modules,
            host,
            generation: ++this.#generation,
            previous: this.#service,
            turns,
          });
    if (config !== undefined) this.#modules = modules;
    this.#files = [...new Set([...loaded.files, ...this.#modules.files.keys()])];
    const steady = await this.#watcher.follow(this.#files, mark);
    // What was read while it was being written may be told apart from what stands there now by nothing but a second look.
    this.#lastHash = steady ? hash : '';
    const all = sortFindings([...loaded.findings, ...findings]);
    this.#serves = candidate !== undefined;
    this.#refusedFor = candidate === undefined ? findingFields(all) : [];
    if (candidate === undefined) return this.#refuse(hash, all);
    this.#schemas = loaded.schemas;
    if (all.length > 0) this.#options.onFindings(all, true);
    const changes = this.#service && (await changesBetween(this.#service.config, candidate.service.config, turns));
    candidate.commit();
    this.#takeIntoService(candidate.service, changes);
    return true;
  }

  #takeIntoService(service: Service, changes: Changes | undefined): void {
    const { host, swap } = this.#options;
    const old = this.#service;
    this.#service = service;
    swap(service.snapshot);
    const { hash } = service.snapshot;
    host.metrics.configLoaded(hash, Date.now());
    const routes = service.snapshot.routes.size;
    if (changes === undefined) host.events.log('info', 'config_loaded', { hash, routes });
    else host.events.log(takesAway(changes) ? 'warn' : 'info', 'config_reloaded', { hash, routes, ...changes });
    this.#record('loaded', hash, 0, changes);
    this.#retainMetrics(service);
    if (old === undefined) return;
    this.#endForbidden(service);
    const retiring = old.snapshot.drained().then(async () => {
      await retire(old, this.#service, host);
      host.state.dropBefore(service.generation);
      this.#retiring.delete(retiring);
    });
    this.#retiring.add(retiring);
  }

  #refuse(hash: string, findings: readonly Finding[]): false {
    const { host, onFindings } = this.#options;
    const errors = findings.filter((each) => each.severity === 'error');
    host.metrics.configRefused();
    host.events.log('error', 'config_refused', {
      hash,
      serving: this.#service?.snapshot.hash,
      findings: findingFields(errors),
    });
    this.#record('refused', hash, errors.length);
    // What was prepared for it has no place in a scrape.
    if (this.#service !== undefined) this.#retainMetrics(this.#service);
    onFindings(findings, false);
    return false;
  }

  /** A bug, or want of memory: what serves goes on serving. */
  #failed(error: unknown): false {
    if (this.#service === undefined) throw error;
    const { file, host } = this.#options;
    this.#lastHash = '';
    this.#serves = false;
    this.#refusedFor = [
      {
        at: `${file}:1:1`,
        code: 'load-failed',
        message: `it could not be loaded: ${messageOf(error)}`,
        hint: 'config_load_failed in the log says more; SIGHUP tries again',
      },
    ];
    this.#record('failed', '', 1);
    host.metrics.configRefused();
    host.events.log('error', 'config_load_failed', { serving: this.#service.snapshot.hash, error });
    return false;
  }

  #retainMetrics({ snapshot, upstreams, integrations, breakers }: Service): void {
    const { metrics } = this.#options.host;
    metrics.retain({
      routes: snapshot.routes,
      upstreams: { has: (name) => upstreams.has(name) || integrations.has(name) },
      integrations,
      breakers: {
        has: (label) => breakers.has(label) || (upstreams.get(label) ?? integrations.get(label))?.breaker !== undefined,
      },
      tenants: { has: (id) => snapshot.tenants.get(id) !== undefined },
    });
  }

  /** Exchanges of a revoked key, a disabled tenant or a removed route get a moment to finish by themselves. */
  #endForbidden({ snapshot }: Service): void {
    const all = this.#options.live.all().filter((x) => forbidden(x, snapshot) !== undefined);
    if (all.length === 0) return;
    const timer = setTimeout(() => {
      for (const x of all) this.#endIfForbidden(x);
    }, REVOKED_GRACE_MS);
    timer.unref();
  }

  /** What was forbidden may have been allowed again meanwhile. */
  #endIfForbidden(x: Exchange): void {
    const why = x.ended || this.#service === undefined ? undefined : forbidden(x, this.#service.snapshot);
    if (why === undefined) return;
    if (x.call?.revoke?.(why.reason)) return;
    if (x.reply.started) x.reply.abort(why.reason);
    else x.reply.refuse(x.refuse(why.problem, 'the configuration has changed while the request was under way'));
  }

  #record(result: ReloadRecord['result'], hash: string, errors: number, changes?: Changes): void {
    const at = new Date().toISOString();
    this.#records.unshift({ at, result, hash, errors, ...(changes !== undefined && { changes }) });
    this.#records.length = Math.min(this.#records.length, RECORDS);
  }
}
