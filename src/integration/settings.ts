// The settings of one of `integrations`: where a third party is, who we are there, what it grants us, and what its errors mean.
import { isIP } from 'node:net';
import {
  answerTimeout,
  breakerSchema,
  idleTimeout,
  retryBudgetSchema,
  retrySchema,
  totalTimeout,
} from '../resilience/settings.ts';
import * as s from '../schema/schema.ts';
import { cidrSchema, matcher } from '../tenant/cidr.ts';
import { targetUrl, tlsSchema } from '../upstream/settings.ts';
import { Egress } from './client/egress.ts';
import { authSchema, PER_TENANT } from './credentials/settings.ts';

const pace = s.short(
  s.object(
    {
      rate: s.optional(s.rate({ doc: 'Calls that the vendor grants; they are spaced evenly' })),
      concurrency: s.optional(s.integer({ doc: 'Calls in flight', min: 1 })),
      queue: s.integer({ doc: 'Calls that may wait for their turn', default: 100, min: 0, max: 100_000 }),
      wait: s.duration({ doc: 'Longest that a call may wait for its turn', default: '5s', min: '1ms' }),
      share: s.choice(['fair', 'fifo'], {
        doc: 'fair: tenants take turns; fifo: first come, first served',
        default: 'fair',
      }),
    },
    { doc: 'How fast the vendor is called', name: 'pace' },
  ),
  s.rate({ doc: 'Calls that the vendor grants' }),
  'rate',
);

/** Our answer to an error of the vendor's. */
const meaning = s.short(
  s.object(
    {
      status: s.integer({ doc: 'Status of our answer', min: 400, max: 599 }),
      title: s.optional(s.string({ doc: 'Title of our answer' })),
    },
    { doc: 'What an error of the vendor’s is in our terms', name: 'meaning' },
  ),
  s.integer({ doc: 'Status of our answer', min: 400, max: 599 }),
  'status',
);

const timeout = s.object(
  {
    connect: s.duration({ doc: 'Time to connect, TLS included', default: '2s', min: '1ms' }),
    try: s.off(s.duration({ doc: 'Time for one attempt, to the last byte of its answer', default: '15s', min: '1ms' })),
    answer: answerTimeout,
    idle: idleTimeout,
    total: totalTimeout,
  },
  { doc: 'How long a call may take', name: 'timeout' },
);

/** One entry of `integrations`. */
export const integrationSchema = s.short(
  s.object(
    {
      url: s.described(targetUrl, 'Where the third party is; a path is put before that of every request'),
      auth: authSchema,
      pace: s.optional(s.off(pace)),
      breaker: breakerSchema,
      retry: retrySchema,
      timeout,
      retry_budget: retryBudgetSchema,
      response_max: s.bytes({ doc: 'Largest answer, after decoding', default: '5MiB' }),
      errors: s.record(meaning, {
        doc: 'The vendor’s errors in our terms: a status or a class such as 4xx; others are 502',
        key: { pattern: /[45](?:\d\d|xx)/, expected: 'a status such as 404, or a class: 4xx, 5xx' },
        default: {},
      }),
      expose: s.boolean({ doc: 'Whether problems carry what the vendor said', default: false }),
      tls: tlsSchema,
      addresses: s.optional(
        s.list(cidrSchema('Address range that the vendor’s host may have'), {
          doc: 'Only these; without it any but link-local and metadata addresses',
          min: 1,
          single: true,
        }),
      ),
    },
    { doc: 'A third-party API', name: 'integration' },
  ),
  targetUrl,
  'url',
);

export type IntegrationSettings = s.Infer<typeof integrationSchema>;

/** Rules across the settings of one integration. */
export function checkIntegration(settings: IntegrationSettings): readonly s.Issue[] {
  const { pace: paced } = settings;
  const issues = [...checkTls(settings), ...checkHosts(settings)];
  if (paced && paced.rate === undefined && paced.concurrency === undefined) {
    const hint = 'give it a rate or a concurrency';
    issues.push({ path: ['pace'], code: 'pace-unbounded', message: 'pace bounds nothing', hint });
  }
  return issues;
}

function checkTls({ tls, url }: IntegrationSettings): s.Issue[] {
  if (tls === undefined) return [];
  const issues: s.Issue[] = [];
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const [given, absent] = tls.cert === undefined ? (['key', 'cert'] as const) : (['cert', 'key'] as const);
    issues.push({ path: ['tls', given], code: 'tls-pair', message: `tls has "${given}" but no "${absent}"` });
  }
  if (url.origin.startsWith('http:')) {
    const hint = 'write https://';
    issues.push({ path: ['tls'], code: 'tls-unused', message: 'tls is set, but the URL is not https', hint });
  }
  return issues;
}

/** A host that is an address can be judged at once; what names lead to is seen when they are looked up. */
function checkHosts({ url, auth, addresses }: IntegrationSettings): s.Issue[] {
  const egress = new Egress(addresses && matcher(addresses));
  const tokenUrl = auth !== null && auth !== PER_TENANT ? auth.oauth2?.token_url : undefined;
  const hosts = [
    { path: ['url'], origin: url.origin },
    ...(tokenUrl === undefined ? [] : [{ path: ['auth', 'oauth2', 'token_url'], origin: tokenUrl.origin }]),
  ];
  return hosts.flatMap(({ path, origin }) => {
    const host = new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) === 0 || egress.allows(host)) return [];
    const message = `${host} is never connected to`;
    const hint = addresses === undefined ? 'name it in `addresses` if it should be' : '`addresses` does not name it';
    return [{ path, code: 'egress', message, hint }];
  });
}
