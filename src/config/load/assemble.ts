// The merge and decode phases: from the long forms of one file to the entries of a configuration.
import { policies } from '../../policies/index.ts';
import type { MapSetting, Place, Setting } from '../../schema/node.ts';
import type { Issue, Schema } from '../../schema/schema.ts';
import { didYouMean } from '../../schema/suggest.ts';
import { plansSchema, tenantsSchema } from '../../tenant/settings.ts';
import { buildTenants } from '../../tenant/tenants.ts';
import { checkUpstream, upstreamSchema } from '../../upstream/settings.ts';
import { Findings } from '../check/finding.ts';
import { routeCore, routeSchema } from '../format/route-settings.ts';
import type { Entry, RouteConfig, RoutesConfig, UpstreamConfig } from '../format/routes-config.ts';
import { entriesOf, layerRoute, layerUpstream } from './layers.ts';
import { addIssues, sound } from './report.ts';

/** The names that a routes file declares and where, by section, whether or not what they stand for is sound. */
export type Names = ReadonlyMap<string, ReadonlyMap<string, Place>>;

/** Everything in `tree` that is sound; what is not has findings by the time this returns. */
export function assemble(file: string, tree: MapSetting, names: Names, findings: Findings): RoutesConfig {
  const plans = decodeSection('plans', plansSchema, tree, names);
  const tenants = decodeSection('tenants', tenantsSchema, tree, names);
  const defaults = tree.entries.get('defaults');
  const upstreams = new Map<string, UpstreamConfig>();
  const ownUpstreams = entriesOf(tree.entries.get('upstreams'));
  for (const own of entriesIn('upstreams', tree, names)) {
    const entry = completed(own, layerUpstream(defaults, own.tree), upstreamSchema, findings);
    if (entry !== undefined) upstreams.set(own.name, decodeUpstream(entry, findings));
  }
  const routes = new Map<string, RouteConfig>();
  // What is missing from a route may be in defaults that were left out as unsound.
  const routeFindings = names.has('defaults') && defaults === undefined ? new Findings() : findings;
  for (const own of entriesIn('routes', tree, names)) {
    const upstream = ownUpstreams.get(textOf(own.tree.entries.get('to')));
    const entry = completed(own, layerRoute(defaults, upstream, own.tree), routeSchema, routeFindings);
    if (entry !== undefined) routes.set(own.name, decodeRoute(entry, own.tree, findings));
  }
  const { table, issues } = buildTenants(settingsOf(plans), settingsOf(tenants));
  for (const issue of issues) reportTenantIssue(issue, plans, tenants, names, findings);
  return { file, plans, tenants, upstreams, routes, tenantTable: table };
}

function decodeSection<Settings>(
  section: string,
  schema: Schema<ReadonlyMap<string, Settings>>,
  tree: MapSetting,
  names: Names,
): ReadonlyMap<string, Entry & { readonly settings: Settings }> {
  const decoded = schema.decode(tree.entries.get(section));
  const entries = new Map<string, Entry & { readonly settings: Settings }>();
  for (const entry of entriesIn(section, tree, names)) {
    const settings = decoded.get(entry.name);
    if (settings !== undefined) entries.set(entry.name, { ...entry, settings });
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

function decodeRoute(entry: Entry, own: MapSetting, findings: Findings): RouteConfig {
  const configured = policies.map((policy) => policy.configure(entry.tree.entries.get(policy.name)));
  for (const { name, issues } of configured) addIssues(findings, issues, entry, [name]);
  return {
    ...entry,
    own,
    core: routeCore.decode(entry.tree),
    policies: configured,
    ownBreaker: own.entries.has('breaker'),
  };
}
