// What routes.yaml may say about plans and tenants.
import * as s from '../schema/schema.ts';
import { keySchema } from './keys.ts';

const NAME = /[A-Za-z0-9][A-Za-z0-9._-]{0,127}/;

const name = (what: string) => ({
  pattern: NAME,
  expected: `the name of a ${what}: letters, digits, ".", "_" and "-", beginning with a letter or digit`,
});

/** One rate or several, each with a window of its own. */
export const ratesSchema = s.list(s.rate({ doc: 'Requests per window' }), {
  doc: 'Requests per window: one rate, or several that all hold',
  min: 1,
  single: true,
});

/** How many a full bucket holds. */
export const burstSchema = s.optional(
  s.integer({ doc: "Requests that may come at once; the limit's own number unless given", min: 1 }),
);

const planSchema = s.object(
  {
    limit: s.optional(ratesSchema),
    burst: burstSchema,
    concurrency: s.optional(s.integer({ doc: 'Requests in flight per tenant, over all routes', min: 1 })),
    priority: s.integer({
      doc: 'Whose calls to a third party go first while calls wait for it: those of the higher number',
      default: 5,
      min: 0,
      max: 9,
    }),
  },
  { doc: 'What a tenant has bought', name: 'plan' },
);

const overrideSchema = s.short(
  s.object({ rate: ratesSchema, burst: burstSchema }, { doc: "A tenant's own limit on one route", name: 'limit' }),
  ratesSchema,
  'rate',
);

/** Headers that frame or route a message: no setting may change them (RFC 9110 §7.6.1). */
const FRAMING = /^(connection|content-length|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/i;

/** Whether a header frames or routes a message. */
export function isFraming(header: string): boolean {
  return FRAMING.test(header);
}

/** What a header may hold: no line breaks or control characters (RFC 9110 §5.5). */
export const HEADER_VALUE = {
  pattern: /[\t\x20-\x7e\x80-\xff]*/,
  expected: 'a header value: no line breaks or control characters',
};

const tenantFields = {
  plan: s.optional(s.string({ doc: 'Name of its plan' })),
  keys: s.list(keySchema, { doc: 'Its API keys; two while one replaces the other', single: true, default: [] }),
  roles: s.list(s.string({ doc: 'A role that routes may ask for' }), { doc: 'What it may do', default: [] }),
  headers: s.record(s.string({ doc: 'Value of the header', ...HEADER_VALUE }), {
    doc: 'Headers added to its requests to upstreams',
    key: { pattern: /[!#$%&'*+.^_`|~0-9A-Za-z-]+/, expected: 'the name of a header' },
    default: {},
  }),
  limits: s.record(overrideSchema, { doc: "Route name → what replaces that route's own limit", default: {} }),
  disabled: s.boolean({ doc: 'Refuses all its requests', default: false }),
};

/** `plans:` of routes.yaml. */
export const plansSchema = s.record(planSchema, { doc: 'What tenants have bought', key: name('plan'), default: {} });

type TenantFields = typeof tenantFields;
export type TenantSettings = { readonly [Name in keyof TenantFields]: s.Infer<TenantFields[Name]> };

/**
 * `tenants:` of routes.yaml.
 * @param credentials what a tenant may say of its accounts with third parties, of which this folder knows nothing
 */
export function tenantsSchemaWith<Credentials>(
  credentials: s.Schema<Credentials>,
): s.Schema<ReadonlyMap<string, TenantSettings & { readonly credentials: Credentials }>> {
  const tenant = s.object({ ...tenantFields, credentials }, { doc: 'Who may call', name: 'tenant' });
  return s.record(tenant, { doc: 'Who may call', key: name('tenant'), default: {} });
}

export type PlanSettings = s.Infer<typeof planSchema>;

/**
 * Rules across the rates of one limit.
 * @param at the path of the map that holds the rates and the burst, and the name of its rates
 */
export function rateIssues(
  rates: readonly s.Rate[],
  burst: number | undefined,
  at: { readonly path: readonly (string | number)[]; readonly field: string },
): readonly s.Issue[] {
  const issues: s.Issue[] = [];
  if (burst !== undefined && rates.length > 1) {
    issues.push({
      path: [...at.path, 'burst'],
      code: 'burst-of-two',
      message: 'with several rates it is not clear which one the burst belongs to',
      hint: 'leave out `burst`, or all rates but one',
    });
  }
  const seen = new Map<number, s.Rate>();
  for (const [index, rate] of rates.entries()) {
    const other = seen.get(rate.windowMs);
    if (other === undefined) {
      seen.set(rate.windowMs, rate);
      continue;
    }
    issues.push({
      path: [...at.path, at.field, index],
      code: 'repeated-window',
      message: `${rate.text} and ${other.text} have the same window`,
      hint: 'keep the smaller one',
    });
  }
  return issues;
}

/** Headers a tenant must not set; a path below the tenant for each. */
export function headerIssues(tenant: TenantSettings, path: readonly string[]): readonly s.Issue[] {
  return [...tenant.headers.keys()].filter(isFraming).map((header) => ({
    path: [...path, 'headers', header],
    code: 'framing-header',
    message: `${header} frames or routes the request: a tenant cannot set it`,
  }));
}
