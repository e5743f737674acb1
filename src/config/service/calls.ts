// The calls that make up a route's answer: compiled from what routes.yaml says, in an order that ends.
import type { Exchange } from '../../exchange/exchange.ts';
import { type CallResult, resultOf } from '../../integration/compose/call-result.ts';
import type { Composition } from '../../integration/compose/compose.ts';
import { cyclesAmong, type Reference } from '../../integration/compose/graph.ts';
import type { Destination, Part } from '../../integration/compose/part.ts';
import { callsInMapping, callsInTemplate } from '../../integration/compose/references.ts';
import { VendorErrors } from '../../integration/vendor-errors.ts';
import type { RequestMaker } from '../../integration/vendor-request.ts';
import { didYouMean } from '../../schema/suggest.ts';
import type { TextSource } from '../../schema/text.ts';
import { type PartConfig, placeOf, type RouteConfig } from '../format/routes-config.ts';
import { integrationTerms, upstreamTerms } from './call-terms.ts';
import type { Called } from './called.ts';
import { compileRequest, contractOf, type FacadeEnv, mappingOf } from './facades.ts';
import type { Host } from './host.ts';

/** A route with `calls`, before it is known what they lead to. */
export interface CallsParts extends Pick<Composition, 'contract' | 'mapping'> {
  readonly parts: readonly PartParts[];
}

interface PartParts extends Omit<Part, 'to'> {
  readonly config: PartConfig;
}

/** Compiles the calls of a route; undefined when something is wrong, which was then reported. */
export async function compileCalls(env: FacadeEnv): Promise<CallsParts | undefined> {
  const { entry } = env;
  const names = new Set(entry.parts.keys());
  const requests = new Map<string, RequestMaker>();
  const references = new Map<string, readonly Reference[]>();
  for (const [name, { settings }] of entry.parts) {
    const request = compileRequest(env, settings, ['calls', name], names);
    if (request !== undefined) requests.set(name, request);
    // A mapping that does not compile has no syntax to look into.
    references.set(name, [...templatesOf(env, name, names), ...(request ? mappedOf(env, name, names) : [])]);
  }
  reportCycles(references, env);
  const mapping = entry.response?.body && mappingOf(env, entry.response.body);
  const contract = await contractOf(env);
  if (mapping === 'faulty' || contract === 'faulty') return undefined;
  const parts: PartParts[] = [];
  for (const [name, config] of entry.parts) {
    const request = requests.get(name);
    if (request === undefined) return undefined;
    const needs = [...new Set(references.get(name)?.map((reference) => reference.name))];
    parts.push({ name, needs, request, default: defaultOf(config), config });
  }
  return { parts, mapping, contract };
}

/** The calls of a route as they are made. */
export function compositionOf(
  entry: RouteConfig,
  { parts, contract, mapping }: CallsParts,
  called: Called,
  host: Host,
  crash: (x: Exchange, error: unknown) => void,
): Composition {
  const { timeout, body_max } = entry.core;
  return {
    parts: parts.map(({ config, ...part }) => ({ ...part, to: destinationOf(entry, part.name, config, called, host) })),
    bodyMaxBytes: body_max ?? NEVER,
    answerMs: timeout?.answer ?? NEVER,
    totalMs: timeout?.total ?? NEVER,
    contract,
    mapping,
    crash,
  };
}

const NEVER = Number.POSITIVE_INFINITY;

function destinationOf(entry: RouteConfig, name: string, config: PartConfig, called: Called, host: Host): Destination {
  const { to } = config.settings;
  const integration = called.integrations.get(to);
  if (integration !== undefined) {
    const terms = integrationTerms(entry, integration, integration.breaker, host, config);
    return { kind: 'integration', terms, errors: new VendorErrors(to, integration.settings) };
  }
  const upstream = called.upstreams.get(to);
  if (upstream === undefined) throw new Error(`call ${name} of route ${entry.name} was checked, but calls nothing`);
  return { kind: 'upstream', terms: upstreamTerms(entry, upstream, upstream.breaker, host, config) };
}

function defaultOf({ settings }: PartConfig): CallResult | undefined {
  return settings.optional ? resultOf(settings.default ?? null) : undefined;
}

/** What the path, query and headers of a call take from others. */
function templatesOf({ entry }: FacadeEnv, name: string, names: ReadonlySet<string>): readonly Reference[] {
  const settings = entry.parts.get(name)?.settings;
  if (settings === undefined) return [];
  const known = { params: entry.core.match.pattern.params, calls: names };
  const texts: (readonly [path: readonly string[], text: string])[] = [
    [['path'], settings.path],
    ...Array.from(settings.query ?? [], ([key, text]) => [['query', key], text] as const),
    ...Array.from(settings.headers ?? [], ([key, text]) => [['headers', key], text] as const),
  ];
  return texts.flatMap(([path, text]) => {
    const at = placeOf(entry, ['calls', name, ...path]);
    return Array.from(callsInTemplate(text, known), (call) => ({ name: call, at }));
  });
}

/** What the body of a call takes from others, by `$calls.NAME`; other uses of `$calls` are reported. */
function mappedOf(env: FacadeEnv, name: string, names: ReadonlySet<string>): readonly Reference[] {
  const source = env.entry.parts.get(name)?.settings.body;
  const text = source && env.texts.text(source);
  if (source === undefined || text === undefined) return [];
  return callsInMapping(text).flatMap((use) => {
    if (use.name !== undefined && names.has(use.name)) {
      return [{ name: use.name, at: env.texts.placeAt(source, use.offset) }];
    }
    reportUnknown(env, source, use, names);
    return [];
  });
}

function reportUnknown(
  { texts, findings }: FacadeEnv,
  source: TextSource,
  { name, offset }: { readonly name: string | undefined; readonly offset: number },
  names: ReadonlySet<string>,
): void {
  const message =
    name === undefined
      ? 'the mapping uses $calls as a whole: which calls it must wait for cannot be told'
      : `there is no call "${name}"`;
  const hint = name === undefined ? 'name them: $calls.NAME' : didYouMean(name, names);
  findings.add(texts.placeAt(source, offset), 'unknown-call', `${message}${texts.wordsFor(source, offset)}`, hint);
}

function reportCycles(references: ReadonlyMap<string, readonly Reference[]>, { findings }: FacadeEnv): void {
  for (const { calls, at } of cyclesAmong(references)) {
    const [first = ''] = calls;
    const message =
      calls.length === 1
        ? `"${first}" waits for its own answer`
        : `calls wait for each other in a circle: ${[...calls, first].join(' → ')}`;
    findings.add(
      at,
      'call-cycle',
      message,
      'take that value from the request, or from a call that does not wait for this one',
    );
  }
}
