// The schema of routes.yaml as a whole.
import { integrationSchema } from '../../integration/settings.ts';
import * as s from '../../schema/schema.ts';
import { plansSchema } from '../../tenant/settings.ts';
import { upstreamSchema } from '../../upstream/settings.ts';
import { sound } from '../load/report.ts';
import { defaultsSchema, NAME, writtenRouteSchema } from './route-settings.ts';
import { tenantsSchema } from './tenants.ts';

/** Top-level names that later versions give a meaning to. */
const RESERVED = ['include', 'tests'];

/** What holds entries by name, thousands of them perhaps: any part of one may be read by itself. */
export const sections: Readonly<Record<string, s.Schema<unknown>>> = {
  plans: sound(plansSchema),
  tenants: sound(tenantsSchema),
  upstreams: s.record(sound(s.partial(upstreamSchema)), { doc: 'Own services', key: NAME, default: {} }),
  integrations: s.record(sound(s.partial(integrationSchema)), {
    doc: 'APIs of third parties',
    key: NAME,
    default: {},
  }),
  routes: s.record(sound(writtenRouteSchema), {
    doc: 'Which requests go where, and under which policies',
    key: NAME,
  }),
};

/** All of routes.yaml. Layers (`defaults`, upstreams, routes) are read in part here and completed once they are merged. */
export const routesFile = s.object(
  {
    version: s.custom({
      doc: 'Version of this format',
      expected: '1, the version of this format',
      parse: (text) => (text === '1' ? 1 : { error: `"${text}" is not a version of this format`, hint: 'write 1' }),
      json: { const: 1 },
    }),
    defaults: s.optional(sound(defaultsSchema)),
    ...sections,
  },
  { doc: 'Routes, policies and tenants of Sluice', name: 'routes file', reserved: RESERVED },
);
