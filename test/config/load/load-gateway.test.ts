import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadGateway } from '../../../src/config/load/load-gateway.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { temporaryDirectory } from '../../support/files.ts';
import { createAuthority } from '../../upstream/certificates.ts';
import { told } from './routes.ts';

async function load(t: CleanUp, text: string, env: Readonly<Record<string, string>> = {}) {
  const folder = await temporaryDirectory(t, { 'gateway.yaml': text });
  return loadGateway(join(folder, 'gateway.yaml'), env);
}

test('the file in the repository says what is built in', async () => {
  const { config, findings } = await loadGateway('config/gateway.yaml', {});
  assert.deepEqual(findings, []);
  const { config: builtIn } = await loadGateway(undefined, {});
  assert.deepEqual(config, builtIn);
  assert.equal(config?.listen.port, 8080);
  assert.equal(config?.admin.token, undefined);
  assert.equal(config?.limits.header_bytes, 16_384);
});

test('a file says only what differs', async (t) => {
  const { config } = await load(t, 'listen: { port: 1 }\nhttp: { ratelimit_headers: [standard, legacy] }\n');
  assert.equal(config?.listen.port, 1);
  assert.equal(config?.listen.host, '0.0.0.0');
  assert.deepEqual(config?.http.ratelimit_headers, ['standard', 'legacy']);
  assert.equal((await load(t, 'listen: { health: none }')).config?.listen.health, null);
});

test('variables override the file, and an empty one does not', async (t) => {
  const env = { PORT: '0', ADMIN_PORT: '1', ADMIN_TOKEN: 's3cret', LOG_LEVEL: 'warn' };
  const { config } = await load(t, 'listen: { port: 5 }\nlog: { level: debug }\n', env);
  assert.deepEqual(
    [config?.listen.port, config?.admin.port, config?.admin.token, config?.log.level],
    [0, 1, 's3cret', 'warn'],
  );
  const { config: plain } = await load(t, 'listen: { port: 5 }\n', { PORT: '', ADMIN_TOKEN: '' });
  assert.equal(plain?.listen.port, 5);
  assert.equal(plain?.admin.token, undefined);
});

test('a variable that makes no sense is named, a token never shown', async (t) => {
  const { config, findings } = await load(t, 'log: {}\n', { PORT: '70000', LOG_LEVEL: 'wran', ADMIN_TOKEN: 'se cret' });
  assert.equal(config, undefined);
  assert.deepEqual(
    findings.map(({ at }) => at.file),
    ['environment variable ADMIN_TOKEN', 'environment variable LOG_LEVEL', 'environment variable PORT'],
  );
  assert.match(findings[1]?.hint ?? '', /did you mean "warn"/);
  assert.doesNotMatch(JSON.stringify(findings), /se cret/);
});

test('the admin plane stays on loopback unless it has a token', async (t) => {
  const open = await load(t, 'admin: { host: 0.0.0.0 }\n');
  assert.deepEqual(told(open.findings), ['1:16 error admin-token']);
  assert.equal(open.config, undefined);
  const text = `admin: { host: 0.0.0.0, token: "\${env:ADMIN_TOKEN:-}" }\n`;
  assert.equal((await load(t, text)).config, undefined);
  assert.equal((await load(t, text, { ADMIN_TOKEN: 'x' })).config?.admin.host, '0.0.0.0');
  for (const host of ['127.0.0.2', 'localhost', '"::1"']) {
    assert.deepEqual((await load(t, `admin: { host: ${host} }\n`)).findings, [], host);
  }
});

test('an admin token in clear text is told', async (t) => {
  const { config, findings } = await load(t, 'admin: { token: s3cret }\n');
  assert.deepEqual(told(findings), ['1:17 warning secret-in-clear']);
  assert.equal(config?.admin.token, 's3cret');
});

test('in Kubernetes the shutdown waits, unless the file says how long', async (t) => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
  assert.equal((await load(t, 'log: {}\n', env)).config?.shutdown.delay, 5000);
  assert.equal((await load(t, 'shutdown: { delay: 1s }\n', env)).config?.shutdown.delay, 1000);
  assert.equal((await load(t, 'log: {}\n')).config?.shutdown.delay, 0);
});

test('what contradicts itself, or is for later, is refused', async (t) => {
  const cases = [
    ['listen: { port: 9901 }\n', 'same-port'],
    ['listen: { redirect_http: 81 }\n', 'redirect-without-tls'],
    ['workers: 2\n', 'unknown-key'],
    ['log: { headers: [Authorization] }\n', 'bad-value'],
    ['trust_proxies: [10.0.0.1/8]\n', 'bad-value'],
    ['http: { via: "a b" }\n', 'bad-value'],
    ['listen: { tls: { cert: a.pem } }\n', 'missing-key'],
    ['listen: { tls: { cert: /no/such.pem, key: /no/such.pem } }\n', 'tls-material'],
  ] as const;
  for (const [text, code] of cases) {
    const { findings } = await load(t, text);
    assert.deepEqual(
      findings.map((finding) => finding.code),
      [code],
      text,
    );
  }
});

test('a path is relative to the file that names it', async (t) => {
  const { cert, key } = await createAuthority(t);
  const text = 'listen: { tls: { cert: tls/cert.pem, key: tls/key.pem } }\n';
  const folder = await temporaryDirectory(t, {
    'config/gateway.yaml': text,
    'config/tls/cert.pem': cert,
    'config/tls/key.pem': key,
  });
  const { config, findings } = await loadGateway(join(folder, 'config/gateway.yaml'), {});
  assert.deepEqual(findings, []);
  assert.equal(config?.listen.tls?.cert, join(folder, 'config/tls/cert.pem'));
});

test('what later versions will take is refused as such', async (t) => {
  for (const text of ['workers: auto\n', 'store: { sqlite: a.db }\n']) {
    const { config, findings } = await load(t, text);
    assert.equal(config, undefined);
    assert.deepEqual(
      findings.map(({ code, hint }) => [code, hint]),
      [['unknown-key', 'reserved for a later version of Sluice']],
    );
  }
});

test('a named file must be there', async () => {
  const { findings } = await loadGateway('/no/such/gateway.yaml', {});
  assert.deepEqual(told(findings), ['1:1 error no-file']);
});
