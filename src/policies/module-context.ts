// Whose code runs: what an own module throws where no request can catch it (in a timer, a listener, a promise that nobody waits
// for) is known to be its own.
import { AsyncLocalStorage } from 'node:async_hooks';
import { sep } from 'node:path';
import { filesOnStack } from './module-fault.ts';

/** On whose behalf code runs. Whatever it starts, now or later, runs on the same behalf. */
export interface ModuleContext {
  /** As `use` names it. */
  readonly module: string;
  /** The route that asks for it; a module that is shared knows none while it is loaded. */
  readonly route?: string;
  readonly requestId?: string;
  /** Fails the request that waits for the module, if one still does. */
  fail?(error: Error): void;
}

const running = new AsyncLocalStorage<ModuleContext>();

/** Runs code of a module's. */
export function runAs<Given extends unknown[], Result>(
  context: ModuleContext,
  code: (...given: Given) => Result,
  ...given: Given
): Result {
  return running.run(context, code, ...given);
}

/** File of a module's, or folder of the package it is → the module. */
const owners = new Map<string, string>();

/** Notes which files a module is made of. */
export function claimFiles(module: string, files: Iterable<string>): void {
  for (const file of files) owners.set(packageOf(file) ?? file, module);
}

/**
 * Who is to blame for what nothing has caught: asked while it is handled. A listener runs on behalf of whoever emits, so the
 * stack is asked, too. Undefined: it is nobody's module.
 */
export function culprit(thrown: unknown): ModuleContext | undefined {
  const context = running.getStore();
  if (context !== undefined) return context;
  for (const file of filesOnStack(thrown)) {
    const module = owners.get(packageOf(file) ?? file);
    if (module !== undefined) return { module };
  }
  return undefined;
}

const PACKAGES = `${sep}node_modules${sep}`;

/** The folder of the package that a file is part of. */
function packageOf(file: string): string | undefined {
  const start = file.lastIndexOf(PACKAGES) + PACKAGES.length;
  if (start < PACKAGES.length) return undefined;
  const [scope = '', name = ''] = file.slice(start).split(sep);
  return file.slice(0, start) + (scope.startsWith('@') ? scope + sep + name : scope);
}
