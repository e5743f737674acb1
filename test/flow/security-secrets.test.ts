// No key, token or password that a configuration holds or a client sends comes out again: not in a log line, a metric, an
// answer, the admin API, or what is said of a file with errors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CleanUp } from '../support/clean-up.ts';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { rawConnect } from '../support/raw.ts';

/** In every secret of this file, and nowhere else. */
const CANARY = /canary/i;
const KEYS = {
  env: 'canary-key-from-environment',
  file: 'canary-key-from-a-file',
  literal: 'canary-key-in-clear-0a1b2c3d',
};
const ADMIN = 'canary-admin-token';

const routes = (url: string, dead: string, tenants: string): string => `
version: 1
tenants:
  acme:
    keys: ["\${env:ACME_KEY}", "\${file:acme.key}"]
    headers: { x-account: "\${env:ACCOUNT}" }
${tenants}
upstreams:
  orders: ${url}
  dead: ${dead}
routes:
  orders:
    match: /orders/{id}
    to: orders
    auth: key
    limit: 200/h
    headers: { request: { set: { x-upstream-token: "\${env:UPSTREAM_TOKEN}", authorization: Bearer canary-in-clear } } }
  checked:
    match: POST /checked
    to: orders
    auth: none
    body: { type: object, properties: { password: { type: integer }, kind: { enum: [a] } }, additionalProperties: false }
  dead:
    match: /dead
    to: dead
    auth: key
`;
const LITERAL = `
  beta:
    keys: [${KEYS.literal}]
`;

/** What comes of an edited file. */
const DECIDED: ReadonlySet<string> = new Set(['config_reloaded', 'config_refused', 'config_load_failed']);

/** Files that do not load, or not without a word, each with a secret where the fault is. */
const FAULTY = [
  `  beta:\n    keyz: [${KEYS.literal}]\n`,
  `  beta:\n    keys: [${KEYS.literal}]\n  gamma:\n    keys: [${KEYS.literal}]\n`,
  `  beta:\n    keys: [${KEYS.literal}, ${KEYS.literal}-2, ${KEYS.literal}-3]\n`,
  `  beta:\n    keys: { a: ${KEYS.literal} }\n`,
  `  beta: { keys: [${KEYS.literal}], keys: [x] }\n`,
  `  beta:\n    keys: [canary]\n`,
  `  beta:\n    keys: ["sha256:canary"]\n`,
  `  beta:\n    keys:\n      - ${KEYS.literal}\n      - [a]\n      - x`,
  '  beta:\n    headers: { x-a: "${env:BROKEN}", host: "${env:BROKEN}" }\n',
  `  beta:\n    keys: ["${KEYS.literal}\n`,
  '  beta:\n    keys: ["${env:ACME_KEY}"]\n',
  '  beta:\n    roles: "${env:ACME_KEY}"\n    disabled: "${env:ACME_KEY}"\n    plan: "${env:ACME_KEY}"\n',
];

test('secrets go in and never come out', async (t) => {
  const origin = await startOrigin(t);
  const dead = `http://127.0.0.1:${await closedPort()}`;
  const gateway = await startGateway(t, {
    routes: routes(origin.url, dead, LITERAL),
    gateway: { admin: { token: '${env:TOKEN}' }, log: { level: 'debug', headers: ['user-agent', 'accept'] } },
    files: { 'acme.key': `${KEYS.file}\n` },
    env: {
      ACME_KEY: KEYS.env,
      ACCOUNT: 'canary-account',
      UPSTREAM_TOKEN: 'canary-upstream-token',
      TOKEN: ADMIN,
      BROKEN: 'canary\nb',
    },
  });
  const said: string[] = [];

  for (const key of Object.values(KEYS)) {
    for (const fields of [`X-Api-Key: ${key}`, `Authorization: Bearer ${key}`]) {
      said.push(await ask(t, gateway.port, `GET /orders/7?token=canary-query HTTP/1.1\r\nHost: a\r\n${fields}\r\n`));
    }
  }
  assert.equal(origin.received.length, 6);
  assert.equal(
    origin.received[0]?.header('x-upstream-token'),
    'canary-upstream-token',
    'secrets do go where they should',
  );
  assert.equal(
    origin.received.some(({ rawHeaders }) => rawHeaders.some((text) => text.includes('canary-key'))),
    false,
  );

  const json = (body: string): string =>
    `POST /checked HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  for (const request of [
    'GET /orders/7 HTTP/1.1\r\nHost: a\r\nX-Api-Key: canary-unknown-key\r\n\r\n',
    'GET /orders/7 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic canary\r\nCookie: session=canary\r\n\r\n',
    `GET /orders/7?api_key=${KEYS.env} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /nowhere?access_token=${KEYS.env} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /nowhere?access_token=${KEYS.env}#x HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /orders/7 HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${KEYS.env}\r\nAuthorization: Bearer ${KEYS.literal}\r\n\r\n`,
    `GET /dead HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${KEYS.env}\r\n\r\n`,
    `GET /orders/7 HTTP/1.1\r\nHost: a\r\nX-Api-Key : ${KEYS.env}\r\n\r\n`,
    `GET /orders/7 HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${KEYS.env}\0\r\n\r\n`,
    `GET /orders/7 HTTP/1.1\r\nHost: user:canary@a\r\n\r\n`,
    `GET http://user:canary@a/orders/7 HTTP/1.1\r\nHost: a\r\n\r\n`,
    'GET /orders/7 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sluice.key.canary\r\n\r\n',
    json('{"password":"canary","kind":"canary"}'),
    json('{"password":"canary'),
    json('{"password":1,"password":"canary"}'),
    `POST /checked HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\ncanary`,
    `POST /checked HTTP/1.1\r\nHost: a\r\nExpect: canary\r\nContent-Length: 6\r\n\r\ncanary`,
    `POST /checked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: canary\r\n\r\ncanary`,
  ]) {
    said.push(await ask(t, gateway.port, request));
  }

  for (const tenants of FAULTY) {
    const from = gateway.log.lines.length;
    await gateway.process.writeRoutes(routes(origin.url, dead, tenants));
    said.push(JSON.stringify(await gateway.log.until(({ event }) => DECIDED.has(event ?? ''), from)));
    const restored = gateway.log.lines.length;
    await gateway.process.writeRoutes(routes(origin.url, dead, LITERAL));
    await gateway.log.until(({ event }) => event === 'config_reloaded', restored);
  }

  for (const path of ['/livez', '/readyz?verbose', '/metrics', '/api/config', '/api/status', '/nowhere']) {
    for (const token of [ADMIN, 'canary-wrong']) {
      const response = await fetch(gateway.adminUrl + path, {
        headers: { authorization: `Bearer ${token}`, connection: 'close' },
      });
      assert.equal(response.status === 401, token !== ADMIN && !/livez|readyz/.test(path), path);
      said.push(`${path} ${await response.text()} ${JSON.stringify([...response.headers])}`);
    }
  }
  said.push(...gateway.log.lines.map((line) => JSON.stringify(line)), ...gateway.process.stderr.split('\n'));

  assert.ok(
    said.some((text) => text.includes('x-upstream-token')),
    'the configuration itself is shown',
  );
  assert.deepEqual(
    said.filter((text) => CANARY.test(text)).map((text) => text.slice(0, 600)),
    [],
  );
});

/** Everything that comes back for a request on a connection of its own. */
async function ask(t: CleanUp, port: number, request: string): Promise<string> {
  const client = await rawConnect(t, port);
  const head = request.includes('\r\n\r\n') ? request : `${request}\r\n`;
  const response = await client.send(Buffer.from(head, 'latin1')).response();
  client.socket.destroy();
  return `${response.status} ${response.rawHeaders.join('|')} ${response.body.toString()}`;
}
