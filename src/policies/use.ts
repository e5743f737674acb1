// use: a platform engineer's own policies, and Express middleware, in the order they are listed.
import { resolve } from 'node:path';
import type { Exchange } from '../exchange/exchange.ts';
import * as s from '../schema/schema.ts';
import { type ExpressMiddleware, MiddlewarePolicy } from './middleware.ts';
import { type ModuleContext, runAs } from './module-context.ts';
import { faultText } from './module-fault.ts';
import type { LoadedModule, ModuleReference } from './module-loader.ts';
import { definePolicy, type Env, type Maybe, type Policy, type PolicyDefinition, type Verdict } from './policy.ts';
import { Sequence } from './sequence.ts';

/** The setting that names a module, remembering which file it is relative to. */
function moduleReference(options: { readonly doc: string }): s.Schema<ModuleReference> {
  const text = s.string({
    doc: options.doc,
    pattern: /\S+/,
    expected: 'a path such as ./plugins/audit.ts, or a package',
  });
  return {
    ...text,
    normalise(node, report) {
      const setting = text.normalise(node, report);
      if (setting?.kind !== 'leaf') return setting;
      const specifier = String(setting.value);
      const reference: ModuleReference = { specifier, from: resolve(node.at.file) };
      return { ...setting, value: reference };
    },
    complete: (setting) => setting,
    decode(setting) {
      const value: unknown = setting?.kind === 'leaf' ? setting.value : undefined;
      if (isReference(value)) return value;
      throw new TypeError('a module setting was decoded that was not normalised');
    },
  };
}

function isReference(value: unknown): value is ModuleReference {
  return typeof value === 'object' && value !== null && 'specifier' in value && 'from' in value;
}

/** Keeps what was written as it is: what it must be is only known once the module is loaded. */
function written(options: { readonly doc: string }): s.Schema<s.Node> {
  const any = s.json(options);
  return {
    ...any,
    normalise(node, report) {
      const setting = any.normalise(node, report);
      return setting?.kind === 'leaf' ? { ...setting, value: node } : setting;
    },
    complete: (setting) => setting,
    decode(setting) {
      const value: unknown = setting?.kind === 'leaf' ? setting.value : undefined;
      if (isNode(value)) return value;
      throw new TypeError('options were decoded that were not normalised');
    },
  };
}

function isNode(value: unknown): value is s.Node {
  return typeof value === 'object' && value !== null && 'kind' in value && 'at' in value;
}

const entry = s.short(
  s.object(
    {
      module: moduleReference({ doc: 'A file, relative to this one, or a package' }),
      with: s.optional(written({ doc: 'Its settings; for Express middleware, the options of its factory' })),
    },
    { doc: 'An own policy or Express middleware' },
  ),
  moduleReference({ doc: 'A file, relative to this one, or a package' }),
  'module',
);

/**
 * @example
 * use: [./plugins/audit.ts, { module: helmet, with: { hsts: false } }]
 */
export const use = definePolicy({
  name: 'use',
  summary: 'Own policies and Express middleware',
  schema: s.optional(s.list(entry, { doc: 'Modules, in order', single: true })),
  async create(entries, env) {
    const built: Policy[] = [];
    for (const [index, { module: reference, with: options }] of (entries ?? []).entries()) {
      const { specifier } = reference;
      const loaded = await env.modules.load(reference);
      const context = { module: specifier, route: env.route };
      const policy = await runAs(context, build, loaded, options, env, context, (message, hint) => {
        const issue = { path: [index, 'module'], code: 'use', message: `"${specifier}" ${message}` };
        env.report(hint === undefined ? issue : { ...issue, hint });
      });
      if (policy !== undefined) built.push(policy);
    }
    return built.length === 0 ? undefined : new Sequence(built);
  },
});

type Complain = (message: string, hint?: string) => void;

const SHAPES = 'export a policy made by definePolicy, or (req, res, next) => …, as default';

async function build(
  loaded: LoadedModule,
  options: s.Node | undefined,
  env: Env,
  context: ModuleContext,
  complain: Complain,
): Promise<Policy | undefined> {
  if ('error' in loaded) {
    complain(loaded.error);
    return undefined;
  }
  const { exported } = loaded;
  try {
    if (isDefinition(exported)) {
      const policy = await fromDefinition(exported, options, env);
      return policy && new OwnPolicy(policy, context);
    }
    if (isFunction(exported)) return fromExpress(exported, options, context.module, complain);
  } catch (error) {
    complain(`failed: ${faultText(error)}`);
    return undefined;
  }
  complain(exported === undefined ? 'has no default export' : 'is neither a policy nor Express middleware', SHAPES);
  return undefined;
}

function isFunction(exported: unknown): exported is AnyFunction {
  return typeof exported === 'function';
}

function isDefinition(exported: unknown): exported is PolicyDefinition {
  if (typeof exported !== 'object' || exported === null) return false;
  if (!('name' in exported) || !('create' in exported) || !('schema' in exported)) return false;
  const { schema } = exported;
  return (
    typeof exported.create === 'function' && typeof schema === 'object' && schema !== null && 'normalise' in schema
  );
}

async function fromDefinition(
  { schema, check, create }: PolicyDefinition,
  options: s.Node | undefined,
  env: Env,
): Promise<Policy | undefined> {
  let sound = true;
  const report: s.Report = {
    add(at, code, message, hint, severity = 'error') {
      if (severity === 'error') sound = false;
      env.report({ path: [], code, message, severity, ...(hint === undefined ? {} : { hint }) }, at);
    },
  };
  const setting = options === undefined ? undefined : schema.normalise(options, report);
  const complete = schema.complete(setting, report);
  if (!sound) return undefined;
  const settings = schema.decode(complete);
  for (const issue of check?.(settings) ?? []) {
    if (issue.severity !== 'warning') sound = false;
    env.report(issue, options?.at);
  }
  return sound ? await create(settings, env) : undefined;
}

/** A policy that a module has made: what it starts runs on the module's behalf. */
class OwnPolicy implements Policy {
  readonly #policy: Policy;
  readonly #context: ModuleContext;

  constructor(policy: Policy, context: ModuleContext) {
    this.#policy = policy;
    this.#context = context;
  }

  onRequest(x: Exchange): Maybe<Verdict> {
    return this.#policy.onRequest === undefined ? undefined : runAs(this.#context, ask, this.#policy, x);
  }

  onResponse(x: Exchange): void {
    if (this.#policy.onResponse !== undefined) runAs(this.#context, answer, this.#policy, x);
  }

  onEnd(x: Exchange): void {
    if (this.#policy.onEnd !== undefined) runAs(this.#context, end, this.#policy, x);
  }

  async close(): Promise<void> {
    await runAs(this.#context, close, this.#policy);
  }
}

const ask = (policy: Policy, x: Exchange): Maybe<Verdict> => policy.onRequest?.(x);
const answer = (policy: Policy, x: Exchange): void => policy.onResponse?.(x);
const end = (policy: Policy, x: Exchange): void => policy.onEnd?.(x);
const close = async (policy: Policy): Promise<void> => policy.close?.();

type AnyFunction = (...args: never) => unknown;

function fromExpress(
  exported: AnyFunction,
  options: s.Node | undefined,
  module: string,
  complain: Complain,
): Policy | undefined {
  // With options, or when it takes at most one argument, it is a factory: (options) => (req, res, next) => …
  const isFactory = options !== undefined || exported.length <= 1;
  const made: unknown = isFactory ? Reflect.apply(exported, undefined, [optionsOf(options)]) : exported;
  if (!isFunction(made)) {
    complain('is a function that does not make Express middleware', SHAPES);
    return undefined;
  }
  if (made.length > 3) {
    complain('is Express error-handling middleware, which handles nothing here', SHAPES);
    return undefined;
  }
  const middleware: ExpressMiddleware = (req, res, next) => Reflect.apply(made, undefined, [req, res, next]);
  return new MiddlewarePolicy(middleware, module);
}

function optionsOf(options: s.Node | undefined): unknown {
  if (options === undefined) return undefined;
  const json = s.json({ doc: 'options' });
  return json.decode(json.normalise(options, { add() {} }));
}
