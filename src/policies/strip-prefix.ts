// strip_prefix: the upstream gets the path without its first segments.
import * as s from '../schema/schema.ts';
import { definePolicy } from './policy.ts';
import { pathAfter } from './rewrite.ts';

/**
 * Whole segments only: `/v1` is no prefix of `/v1beta`.
 *
 * @example
 * orders: { match: "/v1/orders/**", to: orders, strip_prefix: /v1 }
 */
export const stripPrefix = definePolicy({
  name: 'strip_prefix',
  summary: 'Prefix taken off the path sent to the upstream: whole segments that the route’s path begins with',
  schema: s.optional(
    s.string({
      doc: 'The prefix: whole segments that the route’s path begins with',
      pattern: /(?:\/[^/{}*?#\s]+)+/,
      expected: 'a prefix such as /v1, without a slash at its end',
    }),
  ),
  excludes: {
    setting: 'rewrite',
    code: 'two-rewrites',
    message: 'rewrite and strip_prefix both say what the upstream is asked for',
    hint: 'keep one; the other may come from `defaults`',
  },
  create(prefix, env) {
    if (prefix === undefined) return undefined;
    if (!`${env.pattern}/`.startsWith(`${prefix}/`)) {
      const message = `"${prefix}" is not what the path of this route begins with`;
      env.report({ path: [], code: 'strip-prefix', message, hint: `its path is ${env.pattern}` });
      return undefined;
    }
    const stripped = prefix.split('/').length - 1;
    return {
      onRequest(x) {
        x.upstreamPath = (pathAfter(x.path, stripped) || '/') + x.query;
        return undefined;
      },
    };
  },
});
