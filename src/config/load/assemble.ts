// The merge and decode phases: from the long forms of one file to the entries of a configuration.
import { checkCalls, checkRequest } from '../../integration/route-settings.ts';
import { checkIntegration, integrationSchema } from '../../integration/settings.ts';
import { type ConfiguredPolicy, type ListedPolicy, policies } from '../../policies/index.ts';
import { response } from '../../policies/response.ts';
import type { MapSetting, Place, Setting } from '../../schema/node.ts';
import type { Issue, Schema } from '../../schema/schema.ts';
import { didYouMean } from '../../schema/suggest.ts';
import { plansSchema } from '../../tenant/settings.ts';
import { buildTenants } from '../../tenant/tenants.ts';
import { checkUpstream, upstreamSchema } from '../../upstream/settings.ts';
import { Findings } from '../check/finding.ts';
import { attemptSchema, routeCore, routeSchema } from '../format/route-settings.ts';
import type {
  Entry,
  IntegrationConfig,
  PartConfig,
  RouteConfig,
  RoutesConfig,
  UpstreamConfig,
} from '../format/routes-config.ts';
import { tenantsSchema } from '../format/tenants.ts';
import { entriesOf, layerCalled, layerRoute, layersBelow } from './layers.ts';
import { addIssues, sound } from './report.ts';
import type { Turns } from './turns.ts';

/** The names that a routes file declares and where, by section, whether or not what they stand for is sound. */
export type Names = ReadonlyMap<string, ReadonlyMap<string, Place>>;

/** Everything in `tree` that is sound; what is not has findings by the time this returns. */
export async function assemble(
  file: string,
  tree: MapSetting,
  names: Names,
  findings: Findings,
  turns: Turns,
): Promise<RoutesConfig> {
  const plans = await decodeSection('plans', plansSchema, tree, names, turns);
  const tenants = await decodeSection('tenants', tenantsSchema, tree, names, turns);
  const defaults = tree.entries.get('defaults');
  const upstreams = new Map<string, UpstreamConfig>();
  for (const own of entriesIn('upstreams', tree, names)) {
    const entry = completed(own, layerCalled(defaults, own.tree), upstreamSchema, findings);
    if (entry !== undefined) upstreams.set(own.name, decodeUpstream(entry, findings));
  }
  const integrations = new Map<string, IntegrationConfig>();
  for (const own of entriesIn('integrations', tree, names)) {
    const entry = completed(own, layerCalled(defaults, own.tree), integrationSchema, findings);
    if (entry !== undefined) integrations.set(own.name, decodeIntegration(entry, findings));
  }
  const called = new Map([...entriesOf(tree.entries.get('upstreams')), ...entriesOf(tree.entries.get('integrations'))]);
  const routes = new Map<string, RouteConfig>();
  const below = layersBelow(defaults, called);
  const configured = new ConfiguredPolicies();
  // What is missing from a route may be in defaults that were left out as unsound.
  const routeFindings = names.has('defaults') && defaults === undefined ? new Findings() : findings;
  for (const own of entriesIn('routes', tree, names)) {
    const layersTo = (to: string) => layerRoute(below(to), own.tree);
    const entry = completed(own, layersTo(textOf(own.tree.entries.get('to'))), routeSchema, routeFindings);
    if (entry !== undefined) routes.set(own.name, decodeRoute(entry, own.tree, layersTo, configured, findings));
    if (turns.isOver) await turns.rest();
  }
  const { table, issues } = buildTenants(settingsOf(plans), settingsOf(tenants));
  for (const issue of issues) reportTenantIssue(issue, plans, tenants, names, findings);
  return { file, plans, tenants, upstreams, integrations, routes, tenantTable: table };
}

async function decodeSection<Settings>(
  section: string,
  schema: Schema<ReadonlyMap<string, Settings>>,
  tree: MapSetting,
  names: Names,
  turns: Turns,
): Promise<ReadonlyMap<string, Entry & { readonly settings: Settings }>> {
  const entries = new Map<string, Entry & { readonly settings: Settings }>();
  for (const entry of entriesIn(section, tree, names)) {
    const decoded = schema.decode({ ...entry.tree, entries: new Map([[entry.name, entry.tree]]) });
    const settings = decoded.get(entry.name);
    if (settings !== undefined) entries.set(entry.name, { ...entry, settings });
    if (turns.isOver) await turns.rest();
  }
  return entries;
}

function settingsOf<Settings>(
  entries: ReadonlyMap<string, { readonly settings: Settings }>,
): ReadonlyMap<string, Settings> {
  return new Map(Array.from(entries, ([name, { settings }]) => [name, settings]));
}

const NO_NAMES: ReadonlyMap<string, Place> = new Map();

/** Issues of the table begin at the root of the file: `tenants`, a name, and what is below it. */
function reportTenantIssue(
  issue: Issue,
  plans: RoutesConfig['plans'],
  tenants: RoutesConfig['tenants'],
  names: Names,
  findings: Findings,
): void {
  const [section, name, ...path] = issue.path;
  const declared = names.get('plans') ?? NO_NAMES;
  // Plans that were left out as unsound are not unknown.
  if (issue.code === 'unknown-plan' && plans.size < declared.size) return;
  const plan = issue.code === 'unknown-plan' ? tenants.get(String(name))?.settings.plan : undefined;
  const hint = issue.hint ?? (plan === undefined ? undefined : didYouMean(plan, declared.keys()));
  const entry = (section === 'plans' ? plans : tenants).get(String(name));
  if (entry !== undefined) addIssues(findings, [{ ...issue, path, ...(hint !== undefined && { hint }) }], entry, []);
}

function* entriesIn(section: string, tree: MapSetting, names: Names): Generator<Entry> {
  for (const [name, own] of entriesOf(tree.entries.get(section))) {
    const at = names.get(section)?.get(name);
    if (own.kind === 'map' && at !== undefined) yield { name, at, tree: own };
  }
}

function completed(own: Entry, layers: MapSetting, schema: Schema<unknown>, findings: Findings): Entry | undefined {
  // What is missing is missing from the entry as a whole: its name is where to look.
  const tree = sound(schema).complete({ ...layers, at: own.at }, findings);
  return tree?.kind === 'map' ? { name: own.name, at: own.at, tree } : undefined;
}

function textOf(setting: Setting | undefined): string {
  return setting?.kind === 'leaf' ? setting.text : '';
}

function decodeUpstream(entry: Entry, findings: Findings): UpstreamConfig {
  const settings = upstreamSchema.decode(entry.tree);
  addIssues(findings, checkUpstream(settings), entry, []);
  return { ...entry, settings };
}

function decodeIntegration(entry: Entry, findings: Findings): IntegrationConfig {
  const settings = integrationSchema.decode(entry.tree);
  addIssues(findings, checkIntegration(settings), entry, []);
  return { ...entry, settings };
}

function decodeRoute(
  entry: Entry,
  own: MapSetting,
  layersTo: (to: string) => MapSetting,
  known: ConfiguredPolicies,
  findings: Findings,
): RouteConfig {
  const configured = known.of(entry);
  for (const { name, issues } of configured) addIssues(findings, issues, entry, [name]);
  const core = routeCore.decode(entry.tree);
  if (core.request !== undefined) addIssues(findings, checkRequest(core.request), entry, ['request']);
  if (core.calls !== undefined) addIssues(findings, checkCalls(core.calls), entry, ['calls']);
  return {
    name: entry.name,
    at: entry.at,
    tree: entry.tree,
    core,
    parts: partsOf(core, layersTo, findings),
    response: response.schema.decode(entry.tree.entries.get('response')),
    policies: configured,
    ownRetry: own.entries.has('retry'),
    ownBreaker: own.entries.has('breaker'),
  };
}

/** The policies of one configuration: routes with the same setting, or with none, have the same one. */
class ConfiguredPolicies {
  readonly #known = new Map<ListedPolicy, Map<Setting | undefined, ConfiguredPolicy>>(
    policies.map((policy) => [policy, new Map()]),
  );
  #last: readonly ConfiguredPolicy[] = [];

  of({ tree }: Entry): readonly ConfiguredPolicy[] {
    const all = policies.map((policy) => this.#one(policy, tree.entries.get(policy.name)));
    if (all.some((each, index) => each !== this.#last[index])) this.#last = all;
    return this.#last;
  }

  #one(policy: ListedPolicy, setting: Setting | undefined): ConfiguredPolicy {
    const known = this.#known.get(policy);
    const made = known?.get(setting) ?? policy.configure(setting);
    known?.set(setting, made);
    return made;
  }
}

const NO_PARTS: RouteConfig['parts'] = new Map();

/** Each call is attempted as the route says over what it calls. */
function partsOf(
  { calls }: RouteConfig['core'],
  layersTo: (to: string) => MapSetting,
  findings: Findings,
): RouteConfig['parts'] {
  if (calls === undefined) return NO_PARTS;
  const parts = new Map<string, PartConfig>();
  for (const [name, settings] of calls) {
    const tree = attemptSchema.complete(layersTo(settings.to), findings);
    if (tree?.kind === 'map') parts.set(name, { settings, tree, ...attemptSchema.decode(tree) });
  }
  return parts;
}
