// Loads a platform engineer's own modules: each once per version of its files, so that a reload sees what was edited and an
// unchanged module keeps its state. Node cannot unload an ES module: every edited version stays in memory until the process
// ends (its code and top-level state). Modules that did not change, and CommonJS ones, are not kept twice.
import { createHash } from 'node:crypto';
import { createRequire, registerHooks } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readNamedFileSync, UnfitFile } from '../named-file.ts';
import { INDEX } from '../places.ts';
import { messageOf } from '../telemetry/thrown.ts';
import { claimFiles, runAs } from './module-context.ts';
import { faultText, isOwn } from './module-fault.ts';

/** A module as a configuration names it. */
export interface ModuleReference {
  /** `./plugins/audit.ts`, or a package. */
  readonly specifier: string;
  /** The file that names it, absolute: where it is resolved from. */
  readonly from: string;
}

export type LoadedModule = { readonly exported: unknown } | { readonly error: string };

/** Where policies get modules from. */
export interface ModuleSource {
  load(reference: ModuleReference): Promise<LoadedModule>;
}

/** A module as it was loaded. */
export interface ModuleVersion {
  /** Every own file it is made of, absolute, with the hash of what it said; also a file that it misses. */
  readonly files: ReadonlyMap<string, string>;
  readonly loaded: LoadedModule;
}

/** In the URL of a module's file: which version of the module it is read for. */
const VERSION = 'sluice';
const PACKAGE = 'sluice';

/** Loads modules; one for the life of the process. */
export class ModuleLoader {
  readonly #versions = new Map<string, ModuleVersion>();
  readonly #loading = new Map<string, Promise<ModuleVersion>>();

  /** The module as its files are now; the version loaded before when they have not changed. */
  async load(reference: ModuleReference): Promise<ModuleVersion> {
    const resolved = resolve(reference);
    if ('error' in resolved) return { loaded: resolved, files: missing(reference) };
    const { path } = resolved;
    const known = this.#versions.get(path);
    if (known !== undefined && isCurrent(known.files)) return known;
    let loading = this.#loading.get(path);
    if (loading === undefined) {
      loading = this.#loadAnew(path, reference.specifier).finally(() => this.#loading.delete(path));
      this.#loading.set(path, loading);
    }
    return loading;
  }

  async #loadAnew(path: string, module: string): Promise<ModuleVersion> {
    const files = new Map([[path, hashOf(path)]]);
    const unfit = whyUnfit(path, files);
    if (unfit !== undefined) return { files, loaded: { error: `cannot be loaded: ${faultText(unfit)}` } };
    const isCommonJs = /\.c[jt]s$/.test(path) || cache[path] !== undefined;
    // The cache of CommonJS goes by file name alone: what the last version was made of is read again.
    for (const file of [path, ...(this.#versions.get(path)?.files.keys() ?? [])]) delete cache[file];
    const version = String(++versions);
    closures.set(version, files);
    install();
    const loaded = isCommonJs
      ? runAs({ module }, requireDefault, path)
      : await runAs({ module }, importDefault, path, version);
    closures.delete(version);
    claimFiles(module, files.keys());
    const made: ModuleVersion = { files, loaded };
    this.#versions.set(path, made);
    return made;
  }
}

/** The modules of one configuration: each is loaded once, however many routes name it and whatever happens meanwhile. */
export class ConfiguredModules implements ModuleSource {
  readonly #loader: ModuleLoader;
  readonly #asked = new Map<string, Promise<ModuleVersion>>();
  readonly #files = new Map<string, string>();

  constructor(loader: ModuleLoader) {
    this.#loader = loader;
  }

  /** The own files of all modules asked for, absolute, with the hash of what they said. Files of packages are not among them. */
  get files(): ReadonlyMap<string, string> {
    return this.#files;
  }

  /** Whether all files still say what they did. */
  get areCurrent(): boolean {
    return isCurrent(this.#files);
  }

  /** The module's default export, or why there is none. */
  async load(reference: ModuleReference): Promise<LoadedModule> {
    const key = `${reference.from}\0${reference.specifier}`;
    const asked = this.#asked.get(key) ?? this.#loader.load(reference);
    this.#asked.set(key, asked);
    const { loaded, files } = await asked;
    for (const [file, hash] of files) this.#files.set(file, hash);
    return loaded;
  }
}

let versions = 0;
/** Version → the files seen while it loads. */
const closures = new Map<string, Map<string, string>>();

function resolve({ specifier, from }: ModuleReference): { readonly path: string } | { readonly error: string } {
  try {
    return { path: createRequire(from).resolve(specifier) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    return { error: code === 'MODULE_NOT_FOUND' ? 'was not found' : `cannot be resolved: ${messageOf(error)}` };
  }
}

/** A file that is not there yet is waited for; a package is not. */
function missing({ specifier, from }: ModuleReference): ReadonlyMap<string, string> {
  if (!isPath(specifier)) return new Map();
  const file = join(dirname(from), specifier);
  return new Map([[file, hashOf(file)]]);
}

function isPath(specifier: string): boolean {
  return /^\.{1,2}\//.test(specifier);
}

/** Importing CommonJS a second time hands out half-made modules (Node 26.10); requiring it does not. */
function requireDefault(path: string): LoadedModule {
  try {
    const exported: unknown = createRequire(path)(path);
    return { exported: isCompiled(exported) ? defaultOf(exported) : exported };
  } catch (error) {
    return { error: `cannot be loaded: ${faultText(error)}` };
  }
}

async function importDefault(path: string, version: string): Promise<LoadedModule> {
  try {
    const url = pathToFileURL(path);
    url.searchParams.set(VERSION, version);
    const namespace: unknown = await import(url.href);
    const exported = defaultOf(namespace);
    // A CommonJS module that was compiled from an ES one has its default one level further down.
    return { exported: isCompiled(exported) ? defaultOf(exported) : exported };
  } catch (error) {
    return { error: `cannot be loaded: ${faultText(error)}` };
  }
}

function defaultOf(namespace: unknown): unknown {
  return typeof namespace === 'object' && namespace !== null && 'default' in namespace ? namespace.default : undefined;
}

function isCompiled(exported: unknown): boolean {
  return typeof exported === 'object' && exported !== null && '__esModule' in exported;
}

function isCurrent(files: ReadonlyMap<string, string>): boolean {
  for (const [file, hash] of files) if (hashOf(file) !== hash) return false;
  return true;
}

function hashOf(file: string): string {
  try {
    return createHash('sha256').update(readNamedFileSync(file)).digest('base64');
  } catch {
    return UNREADABLE;
  }
}

const UNREADABLE = 'unreadable';

/** Why Node must not be let near one of `files`: it waits for a pipe for ever. Of what cannot be read at all, Node says so. */
function whyUnfit(path: string, files: ReadonlyMap<string, string>): UnfitFile | undefined {
  if (files.get(path) !== UNREADABLE) return undefined;
  try {
    readNamedFileSync(path);
    return undefined;
  } catch (error) {
    return error instanceof UnfitFile ? error : undefined;
  }
}

const { cache } = createRequire(import.meta.url);
let installed = false;

/**
 * Makes what a versioned module imports carry its version on, so that an edited file two imports away is read again too, and
 * gives every module the running instance for `sluice`.
 */
function install(): void {
  if (installed) return;
  installed = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      // Whatever is installed, or built, beside the module: with a second copy nothing it declares would be known.
      if (specifier === PACKAGE) return { url: INDEX.href, shortCircuit: true };
      const { parentURL } = context;
      const version = parentURL === undefined ? undefined : versionOf(parentURL);
      // Seen before it is looked for, so that a file that is missing is waited for.
      if (version !== undefined && isPath(specifier)) {
        const expected = closures.get(version);
        if (expected !== undefined) see(fileURLToPath(new URL(specifier, parentURL)), expected);
      }
      const found = nextResolve(specifier, context);
      if (parentURL === undefined || !isOwn(found.url)) return found;
      // CommonJS knows its modules by file name: who is loading them is told by the files seen so far.
      const files = version === undefined ? closureOf(parentURL) : closures.get(version);
      if (files !== undefined) {
        const path = fileURLToPath(found.url);
        see(path, files);
        const unfit = whyUnfit(path, files);
        if (unfit !== undefined) throw unfit;
      }
      if (version === undefined) return found;
      const url = new URL(found.url);
      url.searchParams.set(VERSION, version);
      return { ...found, url: url.href };
    },
  });
}

/** Notes a file of a module that is being loaded. */
function see(path: string, files: Map<string, string>): void {
  if (!files.has(path)) files.set(path, hashOf(path));
}

function closureOf(parentURL: string): Map<string, string> | undefined {
  if (closures.size === 0 || !parentURL.startsWith('file:')) return undefined;
  const parent = fileURLToPath(parentURL);
  return [...closures.values()].find((files) => files.has(parent));
}

function versionOf(url: string): string | undefined {
  if (!url.includes(`${VERSION}=`)) return undefined;
  return new URL(url).searchParams.get(VERSION) ?? undefined;
}
