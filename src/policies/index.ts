// Every policy there is. The order of this list is the order in which requests pass them.

import type { Problem } from '../exchange/problem.ts';
import type { Setting } from '../schema/node.ts';
import type { Issue, Schema } from '../schema/schema.ts';
import { auth } from './auth.ts';
import { body } from './body.ts';
import { concurrency } from './concurrency.ts';
import { cors } from './cors.ts';
import { headerValidation } from './header-validation.ts';
import { answerHeaders, headers } from './headers.ts';
import { ip } from './ip.ts';
import { limit } from './limit.ts';
import { params } from './params.ts';
import type { Caller, Env, Exclusion, Maybe, Policy, PolicyDefinition } from './policy.ts';
import { query } from './query.ts';
import { response } from './response.ts';
import { rewrite } from './rewrite.ts';
import { stripPrefix } from './strip-prefix.ts';
import { use } from './use.ts';

/** A policy in the list: how its settings and its behaviour fit is known only to itself. */
export interface ListedPolicy {
  /** The key in a route. */
  readonly name: string;
  readonly summary: string;
  readonly schema: Schema<unknown>;
  readonly problems: readonly Problem[];
  readonly excludes: Exclusion | undefined;
  /** @param setting a route's completed value of the key; undefined when it has none */
  configure(setting: Setting | undefined): ConfiguredPolicy;
}

/** A policy with the settings of one route. */
export interface ConfiguredPolicy {
  readonly name: string;
  /** Decoded. */
  readonly settings: unknown;
  /** Rules that are broken across its fields. */
  readonly issues: readonly Issue[];
  /** See {@link PolicyDefinition.foresee}. */
  foresee(caller: Caller): string | undefined;
  /** Builds it; undefined when the settings ask for nothing. */
  create(env: Env): Maybe<Policy | undefined>;
}

function listed<Name extends string, Settings>(definition: PolicyDefinition<Name, Settings>): ListedPolicy {
  const { name, summary, schema, problems = [], excludes } = definition;
  return {
    name,
    summary,
    schema,
    problems,
    excludes,
    configure(setting) {
      const settings = schema.decode(setting);
      const issues = definition.check?.(settings) ?? [];
      return {
        name,
        settings,
        issues,
        foresee: (caller) => definition.foresee?.(settings, caller),
        create: (env) => definition.create(settings, env),
      };
    },
  };
}

export const policies: readonly ListedPolicy[] = [
  listed(ip),
  listed(cors),
  listed(answerHeaders),
  listed(auth),
  listed(concurrency),
  listed(limit),
  listed(params),
  listed(query),
  listed(headerValidation),
  listed(body),
  listed(use),
  listed(headers),
  listed(rewrite),
  listed(stripPrefix),
  listed(response),
];
