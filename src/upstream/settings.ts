// The settings of one of `upstreams`: its targets, how they are chosen and watched, and how calls to them are attempted.
import {
  answerTimeout,
  breakerSchema,
  idleTimeout,
  retryBudgetSchema,
  retrySchema,
  totalTimeout,
} from '../resilience/settings.ts';
import * as s from '../schema/schema.ts';

const URL_EXPECTED = 'an http or https URL such as http://127.0.0.1:7001';

/** Where a target is. The path is a prefix of every request's; it has no trailing slash. */
export interface TargetUrl {
  /** Normalised; what metrics, logs and a reload know the target by. */
  readonly href: string;
  readonly origin: string;
  readonly basePath: string;
}

function parseTargetUrl(text: string): TargetUrl | s.Refusal {
  const error = `"${text}" is not ${URL_EXPECTED}`;
  if (!/^https?:\/\//i.test(text)) return { error, hint: 'start with http:// or https://' };
  if (!URL.canParse(text)) return { error };
  const url = new URL(text);
  // Not quoted: it holds a secret.
  if (url.username !== '' || url.password !== '') {
    return {
      error: 'a target has no credentials in its URL',
      hint: 'set them as a header: headers: { request: { set: … } }',
    };
  }
  if (text.includes('?') || text.includes('#')) return { error: `"${text}" has a query or a fragment` };
  const basePath = url.pathname.replace(/\/+$/, '');
  return { href: url.origin + basePath, origin: url.origin, basePath };
}

/** Where a server is. */
export const targetUrl = s.custom({
  doc: 'Where the target is; a path is put before that of every request',
  expected: URL_EXPECTED,
  parse: parseTargetUrl,
  json: { type: 'string', examples: ['http://127.0.0.1:7001'] },
});

const target = s.short(
  s.object(
    {
      url: targetUrl,
      weight: s.integer({ doc: 'Share of the traffic, relative to the others', default: 1, min: 1, max: 1000 }),
    },
    { doc: 'One instance of the service', name: 'target' },
  ),
  targetUrl,
  'url',
);

const targets = s.list(target, { doc: 'The instances of the service', min: 1, single: true });

/** How a target is chosen; the hash of a key keeps what belongs together on one target. */
const balance = s.short(
  s.object(
    {
      by: s.choice(['least_pending', 'round_robin'], {
        doc: 'The target with the fewest calls in flight, or each in turn; with hash, for calls without that key',
        default: 'least_pending',
      }),
      hash: s.optional(s.choice(['tenant', 'client'], { doc: 'Keep a tenant, or a client address, on one target' })),
    },
    { doc: 'How a target is chosen', name: 'balance' },
  ),
  s.choice(['least_pending', 'round_robin'], { doc: 'How a target is chosen' }),
  'by',
);

const health = s.optional(
  s.off(
    s.object(
      {
        path: s.string({
          doc: 'Asked with GET; any 2xx or 3xx passes',
          pattern: /\/[!-~]*/,
          expected: 'a path such as /healthz',
        }),
        every: s.duration({ doc: 'Time between two checks of a target', default: '5s', min: '100ms' }),
        timeout: s.duration({ doc: 'Time for one check, connecting included', default: '1s', min: '10ms' }),
        fail: s.integer({ doc: 'Failures in a row that make a target unhealthy', default: 3, min: 1 }),
        pass: s.integer({ doc: 'Passes in a row that make it healthy again', default: 2, min: 1 }),
      },
      { doc: 'Active checks of every target', name: 'health' },
    ),
  ),
);

const eject = s.off(
  s.object(
    {
      failures: s.integer({ doc: 'Failed attempts in a row that eject a target', default: 5, min: 1 }),
      for: s.duration({ doc: 'How long, times the number of ejections', default: '30s', min: '10ms' }),
      max: s.percent({ doc: 'Most targets ejected at a time; the only one never is', default: '50%' }),
    },
    { doc: 'Leave out a target that keeps failing', name: 'eject' },
  ),
);

/** `timeout` of an upstream: its own, and the values its routes start from. Milliseconds; null for none. */
const timeout = s.object(
  {
    connect: s.duration({ doc: 'Time to connect, TLS included', default: '2s', min: '1ms' }),
    try: s.off(s.duration({ doc: 'Time for one attempt, to its response headers', default: '15s', min: '1ms' })),
    answer: answerTimeout,
    idle: idleTimeout,
    total: totalTimeout,
  },
  { doc: 'How long a call may take', name: 'timeout' },
);

const pemOrPath = (doc: string) =>
  s.optional(
    s.string({ doc: `${doc}: a PEM file, reloaded when it changes, or PEM text`, expected: 'a path or PEM text' }),
  );

/** TLS to what is https. */
export const tlsSchema = s.optional(
  s.object(
    {
      ca: pemOrPath('Authorities to trust instead of the public ones'),
      cert: pemOrPath("The gateway's own certificate, for mutual TLS"),
      key: pemOrPath('Its private key'),
      servername: s.optional(s.string({ doc: "Name to ask for and to verify, instead of the target's host" })),
    },
    { doc: 'TLS to https targets', name: 'tls' },
  ),
);

/** One entry of `upstreams`. */
export const upstreamSchema = s.short(
  s.object(
    {
      targets,
      balance,
      health,
      eject,
      breaker: breakerSchema,
      retry: retrySchema,
      timeout,
      connections: s.integer({
        doc: 'Connections to each target; a call beyond them stands in line for one',
        default: 128,
        min: 1,
        max: 65_535,
      }),
      concurrency: s.off(s.integer({ doc: 'Most calls in flight; beyond them 503', min: 1 }), { default: 'none' }),
      retry_budget: retryBudgetSchema,
      tls: tlsSchema,
      host: s.optional(s.choice(['preserve'], { doc: "Send the client's Host header instead of the target's own" })),
    },
    { doc: 'A service of your own', name: 'upstream' },
  ),
  targets,
  'targets',
);

export type UpstreamSettings = s.Infer<typeof upstreamSchema>;
export type TargetSettings = UpstreamSettings['targets'][number];
export type HealthSettings = NonNullable<UpstreamSettings['health']>;
export type EjectSettings = NonNullable<UpstreamSettings['eject']>;
export type TlsSettings = NonNullable<UpstreamSettings['tls']>;

/** Rules across the settings of one upstream. */
export function checkUpstream(settings: UpstreamSettings): readonly s.Issue[] {
  return [...checkTargets(settings), ...checkTls(settings), ...checkHealth(settings)];
}

function checkTargets(settings: UpstreamSettings): s.Issue[] {
  const seen = new Set<string>();
  const issues: s.Issue[] = [];
  for (const [index, { url }] of settings.targets.entries()) {
    if (seen.has(url.href)) {
      issues.push({
        path: ['targets', index],
        code: 'duplicate-target',
        message: `${url.href} is a target twice`,
        hint: 'give it a weight instead',
      });
    }
    seen.add(url.href);
  }
  return issues;
}

function checkTls(settings: UpstreamSettings): s.Issue[] {
  if (settings.tls === undefined) return [];
  const { cert, key } = settings.tls;
  const issues: s.Issue[] = [];
  if ((cert === undefined) !== (key === undefined)) {
    const [given, absent] = cert === undefined ? (['key', 'cert'] as const) : (['cert', 'key'] as const);
    issues.push({ path: ['tls', given], code: 'tls-pair', message: `tls has "${given}" but no "${absent}"` });
  }
  if (!settings.targets.some(({ url }) => url.origin.startsWith('https:'))) {
    issues.push({
      path: ['tls'],
      code: 'tls-unused',
      message: 'tls is set, but no target is https',
      hint: 'write https://',
    });
  }
  return issues;
}

function checkHealth(settings: UpstreamSettings): s.Issue[] {
  if (!settings.health || settings.health.timeout <= settings.health.every) return [];
  return [
    {
      path: ['health', 'timeout'],
      code: 'health-overlap',
      message: 'a health check may take longer than the time between two',
      hint: 'make timeout at most every',
    },
  ];
}
