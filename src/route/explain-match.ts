// Why a request gets the route it gets, and why the others do not: for `sluice route`.
import { type MatchEntry, serves } from './candidates.ts';
import { HeldRequest, type MatchRequest } from './held-request.ts';
import { firstMismatch, type PathPattern } from './pattern.ts';
import { MatchTable } from './table.ts';

/** What kept a route from serving a request; `less_specific` matched as well, and lost; `spelling` keeps the others away, too. */
export type NearMiss = 'spelling' | 'less_specific' | 'method' | 'query' | 'header' | 'host' | 'path';

export interface MatchReason {
  readonly route: string;
  readonly miss: NearMiss;
  /** One phrase: `header x-beta is not "1"`. */
  readonly detail: string;
}

export interface MatchExplanation {
  /** Name of the route that serves the request. */
  readonly winner: string | undefined;
  /** Not empty: the answer is 405 with these. */
  readonly allow: readonly string[];
  /** Every other route whose path meets the request's or differs in a single segment; the nearest first. */
  readonly others: readonly MatchReason[];
}

/** Nearest first. */
const MISSES: readonly NearMiss[] = ['spelling', 'less_specific', 'method', 'query', 'header', 'host', 'path'];

/** Explains the match of one request among all routes. */
export function explainMatch(entries: readonly MatchEntry<unknown>[], request: MatchRequest): MatchExplanation {
  const named = entries.map(({ name, match }) => ({ name, match, value: name }));
  const found = MatchTable.build(named).table.find(request);
  const winner = found !== undefined && 'value' in found ? found.value : undefined;
  const spelled = found !== undefined && 'spelledLike' in found ? found.spelledLike : undefined;
  const held = new HeldRequest();
  held.hold(request);
  const others = entries
    .filter(({ name }) => name !== winner)
    .map((entry) => (entry.name === spelled ? spelledLike(spelled) : reasonFor(entry, request, held)))
    .filter((reason) => reason !== undefined)
    .toSorted((a, b) => MISSES.indexOf(a.miss) - MISSES.indexOf(b.miss));
  return { winner, allow: found !== undefined && 'allow' in found ? found.allow : [], others };
}

function spelledLike(route: string): MatchReason {
  const detail =
    'the path differs in case, a trailing slash or an encoded slash only, so no other route serves it either';
  return { route, miss: 'spelling', detail };
}

function reasonFor(entry: MatchEntry<unknown>, request: MatchRequest, held: HeldRequest): MatchReason | undefined {
  const { name: route, match } = entry;
  const segment = firstMismatch(match.pattern, request.path);
  if (segment !== undefined) {
    const detail = nearPath(match.pattern, request.path, segment);
    return detail === undefined ? undefined : { route, miss: 'path', detail };
  }
  if (match.host !== undefined && match.host !== request.host) {
    return { route, miss: 'host', detail: `the host is not ${match.host}` };
  }
  for (const [name, value] of match.headers) {
    if (held.header(name) !== value) return { route, miss: 'header', detail: `header ${name} is not "${value}"` };
  }
  for (const [name, value] of match.query) {
    if (held.queryValue(name) !== value) return { route, miss: 'query', detail: `query ${name} is not "${value}"` };
  }
  if (!serves(match.methods, request.method)) {
    const methods = match.methods?.join(', ') ?? 'every method but TRACE and CONNECT';
    return { route, miss: 'method', detail: `it serves ${methods}` };
  }
  return { route, miss: 'less_specific', detail: 'it matches too, and is less specific' };
}

/** Says how a path misses when it does so in one segment only; undefined when it is another path altogether. */
function nearPath(pattern: PathPattern, path: string, index: number): string | undefined {
  const given = path.slice(1).split('/');
  const wanted = pattern.text.slice(1).split('/');
  const [ours, theirs] = [wanted[index], given[index]];
  if (!ours || !theirs) {
    if (Math.max(given.length, wanted.length) !== index + 1) return undefined;
    if (!ours && !theirs) return 'a trailing slash is a different path';
    return ours ? `the path ends before /${ours}` : `the path goes on after its end: /${theirs ?? ''}`;
  }
  const repaired = `/${[...given.slice(0, index), sampleOf(ours), ...given.slice(index + 1)].join('/')}`;
  const alone = given.length > 1 && firstMismatch(pattern, repaired) === undefined;
  return alone ? `segment ${index + 1} is "${theirs}", not "${ours}"` : undefined;
}

/** A segment that meets the pattern's, which is given as written. */
function sampleOf(segment: string): string {
  return segment.replace(/\{[^}]*\}/g, 'x');
}
