// What a test of one policy needs: settings as they would be written, an Env that records, exchanges.
import assert from 'node:assert/strict';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { ClientBody, hasBody, NO_BODY } from '../../src/edge/client-body.ts';
import { Exchange } from '../../src/exchange/exchange.ts';
import { SchemaCompiler } from '../../src/json/compiler.ts';
import { ConfiguredModules, ModuleLoader } from '../../src/policies/module-loader.ts';
import type { Env, Policy, PolicyDefinition, Verdict } from '../../src/policies/policy.ts';
import type { Issue, Place } from '../../src/schema/schema.ts';
import { listenOnLoopback } from './ports.ts';
import { nodeOf, settingsOf, tenantsOf } from './reading.ts';

/** A finding as a test compares it: code, message and, where it is elsewhere, its place. */
export interface Found {
  readonly code: string;
  readonly message: string;
  readonly at: string;
  readonly severity: 'error' | 'warning';
}

export interface RecordingEnv extends Env {
  readonly found: Found[];
  readonly counts: Map<string, { value: number }>;
  readonly logged: { readonly event: string; readonly fields: Record<string, unknown> }[];
}

/** An Env that remembers what it is told. `kept` is state handed on, as by a reload. */
export function recordingEnv(given: Partial<Env> & { readonly kept?: Map<string, object> } = {}): RecordingEnv {
  const { kept = new Map<string, object>(), ...overrides } = given;
  const found: Found[] = [];
  const counts = new Map<string, { value: number }>();
  const logged: RecordingEnv['logged'] = [];
  const counter = (...parts: string[]): { value: number } => {
    const key = parts.join(' ');
    const made = counts.get(key) ?? { value: 0 };
    counts.set(key, made);
    return made;
  };
  return {
    found,
    counts,
    logged,
    route: 'create-order',
    facade: false,
    authenticated: true,
    tenants: tenantsOf('{}'),
    params: [],
    pattern: '/v1/orders',
    schemas: new SchemaCompiler(),
    modules: new ConfiguredModules(new ModuleLoader()),
    bodyMax: 1_048_576,
    ratelimitHeaders: ['standard'],
    keep: <T extends object>(key: string, make: () => T): T => {
      const state = kept.get(key) ?? make();
      kept.set(key, state);
      // A key is made by one kind of maker only.
      return state as T;
    },
    metrics: {
      limiterDecision: (policy, decision) => counter('limiter', policy, decision),
      authFailure: (reason) => counter('auth', reason),
      validationFailure: (reason) => counter('validation', reason),
      drift: (pointer, kind) => counter('drift', kind, pointer),
    },
    report: (issue, at) => {
      found.push(foundOf(issue, at));
    },
    log: (_, event, fields) => {
      logged.push({ event, fields });
    },
    ...overrides,
  };
}

function foundOf({ code, message, severity = 'error' }: Issue, at: Place | undefined): Found {
  return { code, message, severity, at: at === undefined ? '' : `${at.file}:${at.line}:${at.column}` };
}

/** Builds a policy from settings written as YAML, which must be in order; without any when the route has no such key. */
export function build<T>(
  definition: PolicyDefinition<string, T>,
  written: string | undefined,
  env: Env = recordingEnv(),
): Policy | undefined {
  const settings = written === undefined ? definition.schema.decode(undefined) : settingsOf(definition.schema, written);
  assert.deepEqual(definition.check?.(settings) ?? [], []);
  const policy = definition.create(settings, env);
  assert.ok(!(policy instanceof Promise), 'a policy that needs no waiting');
  return policy;
}

/** Builds a policy from settings as a value; what is wrong with them is in `env.found`. */
export async function buildPolicy<Name extends string, Settings>(
  definition: PolicyDefinition<Name, Settings>,
  written: unknown,
  env: RecordingEnv = recordingEnv(),
  file = resolve('routes.yaml'),
): Promise<Policy | undefined> {
  const report = {
    add(at: Place, code: string, message: string) {
      env.report({ path: [], code, message }, at);
    },
  };
  const { schema } = definition;
  const setting = schema.complete(schema.normalise(nodeOf(JSON.stringify(written), file), report), report);
  if (env.found.length > 0) return undefined;
  const settings = schema.decode(setting);
  for (const issue of definition.check?.(settings) ?? []) env.report(issue);
  return definition.create(settings, env);
}

/** Builds a policy that must be in order. */
export async function soundPolicy<Name extends string, Settings>(
  definition: PolicyDefinition<Name, Settings>,
  written: unknown,
  env: RecordingEnv = recordingEnv(),
  file?: string,
): Promise<Policy> {
  const policy = await buildPolicy(definition, written, env, file);
  assert.deepEqual(env.found, []);
  assert.ok(policy, 'the settings ask for a policy');
  return policy;
}

export interface Asked {
  readonly method?: string;
  readonly query?: string;
  readonly address?: string;
  /** Flat pairs, as they came. */
  readonly headers?: readonly string[];
}

/** An exchange of its own, without a body, whose request has these headers, joined by Node's own rules. */
export function exchange(asked: Asked = {}): Exchange {
  const req = new IncomingMessage(new Socket());
  req.method = asked.method ?? 'GET';
  const raw = asked.headers ?? [];
  req.rawHeaders = [...raw];
  for (let i = 0; i < raw.length; i += 2) addHeader(req, raw[i] ?? '', raw[i + 1] ?? '');
  const x = new Exchange(req, new ServerResponse(req), NO_BODY);
  x.query = asked.query ?? '';
  x.clientAddress = asked.address ?? '192.0.2.1';
  return x;
}

function addHeader(req: IncomingMessage, name: string, value: string): void {
  const key = name.toLowerCase();
  const before = req.headers[key];
  if (before === undefined) req.headers[key] = value;
  else if (key !== 'authorization') req.headers[key] = `${String(before)}, ${value}`;
}

/** The value of a header in flat pairs; undefined when absent. */
export function headerIn(pairs: readonly (string | undefined)[] | undefined, name: string): string | undefined {
  const at = (pairs ?? []).findIndex((text, index) => index % 2 === 0 && text?.toLowerCase() === name.toLowerCase());
  return at < 0 ? undefined : pairs?.[at + 1];
}

/**
 * Sends a real request through a real server and runs `visit` on its exchange; answers 204 when nobody has answered.
 * Returns what `visit` returned.
 */
export async function onExchange<T>(
  visit: (x: Exchange) => T | Promise<T>,
  request: RequestInit & { readonly path?: string } = {},
  seen: (answer: Response) => void = () => {},
): Promise<T> {
  const { promise, resolve: done, reject } = Promise.withResolvers<T>();
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    void run(req, res);
  });
  const run = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const x = new Exchange(req, res, hasBody(req) ? new ClientBody(req, res) : NO_BODY);
    const [path = '/', query] = (req.url ?? '/').split('?', 2);
    x.path = path;
    x.query = query === undefined ? '' : `?${query}`;
    x.forwardable = [...req.rawHeaders];
    try {
      done(await visit(x));
    } catch (error) {
      reject(error);
    } finally {
      if (!res.headersSent) res.writeHead(204).end();
    }
  };
  const port = await listenOnLoopback(server);
  try {
    const url = `http://127.0.0.1:${port}${request.path ?? '/v1/orders'}`;
    const [visited, answer] = await Promise.all([promise, fetch(url, request)]);
    seen(answer);
    return visited;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** A verdict with what the exchange says about it. */
export interface Refused {
  readonly code: string | undefined;
  readonly status: number | undefined;
  readonly detail: string;
  readonly violations: Exchange['violations'];
}

/** Runs a policy's gate on a real request. */
export function gate(
  policy: Policy,
  request: RequestInit & { readonly path?: string } = {},
  prepare: (x: Exchange) => void = () => {},
): Promise<Refused> {
  return onExchange(async (x) => {
    prepare(x);
    const verdict: Verdict = await policy.onRequest?.(x);
    const problem = typeof verdict === 'object' ? verdict : undefined;
    return {
      code: verdict === 'answered' ? verdict : problem?.code,
      status: problem?.status,
      detail: x.detail,
      violations: x.violations,
    };
  }, request);
}
