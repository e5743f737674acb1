// The schema of config/gateway.yaml: settings of the process, never of a route. A change needs a restart.
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import * as s from '../../schema/schema.ts';
import { isSecretName } from '../../telemetry/secrets.ts';
import { cidrSchema } from '../../tenant/cidr.ts';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const host = (doc: string, fallback: string) =>
  s.custom({
    doc,
    default: fallback,
    expected: 'an address or a host name such as 127.0.0.1 or localhost',
    parse: (text: string) => {
      if (isIP(text) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)) return text;
      return { error: `"${text}" is not an address or a host name`, hint: 'the port has its own key' };
    },
    json: { type: 'string' },
  });

const loggedHeader = s.custom({
  doc: 'Name of a request header',
  expected: 'the name of a header',
  parse: (text: string) => {
    const name = text.toLowerCase();
    if (!TOKEN.test(name)) return { error: `"${text}" is not the name of a header` };
    if (isSecretName(name)) return { error: `${name} carries credentials and is never logged` };
    return name;
  },
  json: { type: 'string' },
});

/** Absolute once it is read: a path is relative to the file that names it. */
function path(doc: string): s.Schema<string> {
  const text = s.string({ doc, expected: 'a path' });
  return {
    ...text,
    normalise(node, report) {
      const setting = text.normalise(node, report);
      if (setting?.kind !== 'leaf') return setting;
      return { ...setting, value: resolve(dirname(node.at.file), String(setting.value)) };
    },
  };
}

const port = { min: 0, max: 65_535 };

const listen = s.object(
  {
    host: host('Address of the data plane', '0.0.0.0'),
    port: s.integer({ doc: 'Port of the data plane; 0 takes a free one', default: 8080, ...port }),
    health: s.off(
      s.string({
        doc: 'Path on the data plane that tells a load balancer whether to send traffic; none switches it off',
        default: '/_sluice/health',
        pattern: /^\/[!-~]*$/,
        expected: 'a path such as /_sluice/health',
      }),
    ),
    tls: s.optional(
      s.object(
        {
          cert: path('Certificate chain: a PEM file, relative to this one, reloaded when it changes'),
          key: path('Private key: a PEM file, relative to this one, reloaded when it changes'),
        },
        { doc: 'Serve HTTPS' },
      ),
    ),
    redirect_http: s.optional(s.integer({ doc: 'Port that redirects plain HTTP to the HTTPS one', ...port })),
  },
  { doc: 'Where clients connect' },
);

/** Decodes to undefined when it is empty: `"${env:ADMIN_TOKEN:-}"` asks for one only where there is one. */
const adminToken = s.custom({
  doc: 'Bearer token for all but the probes; empty is none',
  expected: 'a token of visible ASCII characters',
  default: '',
  parse: (text: string) => {
    if (/^[!-~]*$/.test(text)) return text === '' ? undefined : text;
    return { error: 'a token is visible ASCII without spaces' };
  },
  json: { type: 'string' },
});

const admin = s.object(
  {
    host: host('Address of the admin plane', '127.0.0.1'),
    port: s.integer({ doc: 'Port of the admin plane; 0 takes a free one', default: 9901, ...port }),
    token: adminToken,
  },
  { doc: 'Probes, metrics and the admin API' },
);

const log = s.object(
  {
    level: s.choice(['debug', 'info', 'warn', 'error'] as const, {
      doc: 'Least severe event that is logged',
      default: 'info',
    }),
    access: s.boolean({ doc: 'Whether every request has a line', default: true }),
    headers: s.list(loggedHeader, { doc: 'Request headers shown in the access log', default: ['user-agent'] }),
  },
  { doc: 'Logs, one JSON object a line' },
);

const shutdown = s.object(
  {
    delay: s.duration({ doc: 'Wait between failing readiness and closing the port; 5s in Kubernetes', default: '0s' }),
    grace: s.duration({ doc: 'How long requests in flight may take to finish', default: '30s', min: '1ms' }),
  },
  { doc: 'What SIGTERM does' },
);

const limits = s.object(
  {
    header_bytes: s.bytes({ doc: 'Largest header section', default: '16KiB' }),
    headers: s.integer({ doc: 'Most header fields of a request', default: 100, min: 1 }),
    url_bytes: s.bytes({ doc: 'Longest request target', default: '8KiB' }),
    connections: s.integer({
      doc: 'Most client connections, WebSockets included; one more closes the one that is idle for longest',
      default: 10_000,
      min: 1,
    }),
    header_timeout: s.duration({ doc: 'How long the header section may take to arrive', default: '10s', min: '1ms' }),
  },
  { doc: 'What a client may send' },
);

const http = s.object(
  {
    via: s.string({
      doc: 'Name of this gateway in Via',
      default: 'sluice',
      pattern: TOKEN,
      expected: 'a token such as sluice',
    }),
    forwarded: s.boolean({ doc: 'Whether to send Forwarded (RFC 7239) beside X-Forwarded-*', default: false }),
    ratelimit_headers: s.list(
      s.choice(['standard', 'legacy'] as const, { doc: 'RateLimit and RateLimit-Policy, or X-RateLimit-*' }),
      { doc: 'Rate limit headers on answers', default: ['standard'] },
    ),
    server_timing: s.boolean({ doc: 'Whether answers carry Server-Timing', default: false }),
    encoded_slashes: s.boolean({ doc: 'Whether %2f may stand in a path; a route may say otherwise', default: false }),
    problem_base: s.string({
      doc: 'What the `type` of a problem starts with, before its code',
      default: 'urn:sluice:problem:',
      pattern: /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$/,
      expected: 'a URI such as https://errors.example/ or urn:sluice:problem:',
    }),
  },
  { doc: 'HTTP on the wire' },
);

const metrics = s.object(
  {
    tenants: s.integer({ doc: 'Most tenants with series of their own; the rest share `_other`', default: 200, min: 0 }),
  },
  { doc: 'Prometheus metrics' },
);

/** All of config/gateway.yaml. */
export const gatewaySchema = s.object(
  {
    listen,
    admin,
    trust_proxies: s.list(cidrSchema('Address range of proxies whose X-Forwarded-* is believed'), {
      doc: 'Proxies in front of the gateway',
      default: [],
    }),
    log,
    shutdown,
    limits,
    http,
    metrics,
  },
  { doc: 'Process settings of Sluice', name: 'process', reserved: ['store', 'workers'] },
);

/** The process settings: durations in milliseconds, sizes in bytes. */
export type GatewayConfig = s.Infer<typeof gatewaySchema>;
