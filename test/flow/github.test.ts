// GitHub's REST API as routes: a gateway with 1,223 of them, nobody's idea of a test, and one request to each.
import assert from 'node:assert/strict';
import { Agent, type ClientRequestArgs, request } from 'node:http';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { githubOperations, type Operation } from '../support/openapi.ts';
import { invalidBody } from '../support/openapi-sample.ts';
import { startOrigin } from '../support/origin.ts';

const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const operations = githubOperations();
const withBody = operations.filter(({ body }) => body !== undefined);

/** Every third schema stands in routes.yaml itself, the others in files. */
const isInline = (operation: Operation): boolean => withBody.indexOf(operation) % 3 === 0;
const schemaFile = (operation: Operation): string => `schemas/${withBody.indexOf(operation)}.json`;

interface Answer {
  readonly status: number;
  readonly text: string;
}

test('GitHub’s API behind a gateway', async (t) => {
  t.after(() => agent.destroy());
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none', body_max: '1MiB' },
      upstreams: { github: origin.url },
      routes: Object.fromEntries(operations.map((operation) => [nameOf(operation), routeOf(operation)])),
    },
    files: Object.fromEntries(
      withBody.filter((each) => !isInline(each)).map((each) => [schemaFile(each), JSON.stringify(each.body)]),
    ),
  });

  await t.test('has a route for each operation, and every body schema compiles', () => {
    assert.equal(gateway.process.stderr.includes(' error '), false, gateway.process.stderr);
    const loaded = gateway.log.lines.find(({ event }) => event === 'config_loaded');
    assert.equal(loaded?.['routes'], 1223);
    assert.equal(withBody.length, 342);
  });

  await t.test('leads a request for each operation to its own route, with its path intact', async () => {
    const plain = operations.filter(({ body }) => body === undefined);
    const seen = origin.received.length;
    await eachOf(plain, async ({ method, samplePath }) => {
      const { status } = await send(method, `${samplePath}?page=2&q=a%20b`);
      assert.equal(status, 200, `${method} ${samplePath}`);
    });
    const reached = origin.received.slice(seen).map(({ method, url }) => `${method} ${url}`);
    assert.deepEqual(
      reached.toSorted(),
      plain.map(({ method, samplePath }) => `${method} ${samplePath}?page=2&q=a%20b`).toSorted(),
    );
    await loggedAs(plain, 200);
  });

  await t.test('refuses a body that breaks its schema, and says where', async () => {
    const seen = origin.started;
    let broken = 0;
    await eachOf(withBody, async (operation) => {
      const invalid = invalidBody(operation.body ?? {}, operation.bodyExamples[0]);
      if (invalid === undefined) return;
      broken++;
      const { status, text } = await send(operation.method, operation.samplePath, JSON.stringify(invalid.body));
      assert.equal(status, 422, `${operation.id} took ${JSON.stringify(invalid.body)}: ${text}`);
      const { errors, route } = JSON.parse(text);
      assert.equal(route, nameOf(operation));
      assert.ok(
        errors.some((each: { pointer: string }) => each.pointer === invalid.pointer),
        `${operation.id} ${invalid.pointer}: ${text}`,
      );
    });
    assert.ok(broken > 330, `only ${broken} of ${withBody.length} schemas can be broken`);
    assert.equal(origin.started, seen);
  });

  await t.test('forwards the bodies of its examples as they were sent', async () => {
    const refused: string[] = [];
    await eachOf(withBody, async ({ id, method, samplePath, bodyExamples: [example] }) => {
      const body = ` ${JSON.stringify(example, undefined, 1)}\n`;
      const { status } = await send(method, samplePath, body);
      if (status === 422) {
        refused.push(id);
        return;
      }
      assert.equal(status, 200, id);
      const arrived = origin.received.findLast((each) => each.url === samplePath && each.method === method);
      assert.equal(arrived?.body.toString(), body, id);
    });
    assert.deepEqual(refused.toSorted(), WRONG_EXAMPLES);
  });

  async function loggedAs(sent: readonly Operation[], status: number): Promise<void> {
    await gateway.log.until(() => gateway.log.access.length >= sent.length);
    const routes = new Map(
      gateway.log.access.map(({ method, path, route, status: each }) => [
        `${String(method)} ${String(path)}`,
        `${route} ${each}`,
      ]),
    );
    for (const each of sent) assert.equal(routes.get(`${each.method} ${each.samplePath}`), `${nameOf(each)} ${status}`);
  }

  function send(method: string, path: string, body?: string): Promise<Answer> {
    const options: ClientRequestArgs = { agent, host: '127.0.0.1', port: gateway.port, method, path };
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.on('error', reject);
      if (body !== undefined)
        sent.setHeader('content-type', 'application/json').setHeader('content-length', Buffer.byteLength(body));
      sent.end(body);
    });
  }
});

/** Operations whose example breaks their own schema: no body, a member left out, numbers as text, a key without its type. */
const WRONG_EXAMPLES = [
  'codespaces/set-repositories-for-secret-for-authenticated-user',
  'dependabot/update-repository-access-for-enterprise',
  'dependabot/update-repository-access-for-org',
  'orgs/create-issue-field',
  'users/create-public-ssh-key-for-authenticated-user',
  'users/create-ssh-signing-key-for-authenticated-user',
];

function nameOf({ id }: Operation): string {
  return id.replaceAll('/', '.');
}

function routeOf(operation: Operation): object {
  const { method, path, body } = operation;
  const route = { match: `${method} ${path}`, to: 'github' };
  if (body === undefined) return route;
  return { ...route, body: isInline(operation) ? body : schemaFile(operation) };
}

/** A few at a time. */
async function eachOf<T>(all: readonly T[], visit: (one: T) => Promise<void>): Promise<void> {
  const rest = all.values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const one of rest) await visit(one);
    }),
  );
}
