// Matches and requests for the tests of this folder, written as short as people say them.
import assert from 'node:assert/strict';
import type { Match } from '../../src/route/match.ts';
import { parsePattern } from '../../src/route/pattern.ts';
import { type Conflict, type MatchEntry, type MatchRequest, MatchTable } from '../../src/route/table.ts';

export interface Conditions {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

type Written = string | readonly [text: string, conditions: Conditions];

/** `GET,POST /v1/x`, or a path alone for any method. */
export function match(text: string, { host, headers = {}, query = {} }: Conditions = {}): Match {
  const [path = '', methods] = text.split(' ').toReversed();
  const pattern = parsePattern(path);
  assert.ok(!('error' in pattern), `${path} is no pattern: ${JSON.stringify(pattern)}`);
  return {
    methods: methods?.split(','),
    pattern,
    host,
    headers: new Map(Object.entries(headers)),
    query: new Map(Object.entries(query)),
  };
}

/** Routes named after what they match. */
export function routes(...matches: readonly Written[]): MatchEntry<string>[] {
  return matches.map((each) => {
    const [text, conditions] = typeof each === 'string' ? [each] : each;
    const name = conditions === undefined ? text : `${text} ${JSON.stringify(conditions)}`;
    return { name, match: match(text, conditions), value: name };
  });
}

export function tableOf(...matches: readonly Written[]): MatchTable<string> {
  const { table, conflicts } = MatchTable.build(routes(...matches));
  assert.deepEqual(conflicts, []);
  return table;
}

export function conflictsOf(...matches: readonly Written[]): readonly Conflict[] {
  return MatchTable.build(routes(...matches)).conflicts;
}

/** `GET /v1/x?a=b`. */
export function request(text: string, { host = 'any.example', headers = {} }: Conditions = {}): MatchRequest {
  const [method = '', target = ''] = text.split(' ');
  const mark = target.indexOf('?');
  return {
    method,
    host,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark),
    header: (name) => headers[name],
  };
}
