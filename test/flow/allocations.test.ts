// What a request costs in objects, counted and not timed: the source allocates as many as are written down here, and no more.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { type Answer, startOrigin } from '../support/origin.ts';
import type { FunctionAllocations } from '../support/preload/allocations.ts';
import { type RawClient, rawConnect } from '../support/raw.ts';
import { signalReport } from '../support/signal-report.ts';

/** A kind of request, and what one of them allocates in functions of src/. */
interface Kind {
  readonly name: string;
  readonly request: string;
  readonly status: number;
  /** By these functions themselves. */
  readonly objects: number;
  readonly bytes: number;
  /** With what Node and packages allocate when they are called by them. */
  readonly charged: number;
}

const KEY = 'a-key-of-these-tests';
const ORDER = JSON.stringify({ customer: 'c-1', items: [{ sku: 'ABC-1000', quantity: 2 }] });

const get = (path: string, field = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: api.example\r\nUser-Agent: test\r\nAccept: */*\r\n${field}\r\n`;
const withKey = `X-Api-Key: ${KEY}\r\n`;
const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: api.example\r\n${withKey}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const KINDS: readonly Kind[] = [
  { name: 'a GET without policies', request: get('/bare/1'), status: 200, objects: 115, bytes: 5805, charged: 453 },
  {
    name: 'a GET through the full chain',
    request: get('/full/1', withKey),
    status: 200,
    objects: 146,
    bytes: 7375,
    charged: 509,
  },
  {
    name: 'a POST that is validated',
    request: post('/orders/1', ORDER),
    status: 200,
    objects: 194,
    bytes: 10072,
    charged: 573,
  },
  { name: 'a request without a key', request: get('/full/1'), status: 401, objects: 100, bytes: 4592, charged: 199 },
];

/** Texts differ in length with a port, or the digits of a time. */
const BYTES_SLACK = 0.02;
/** Little: what Node itself allocates is the same for one version of it. */
const CHARGED_SLACK = 0.01;
/** A figure that is further off lets in what is added next. */
const STALE = 2;

const PRELOAD = join(import.meta.dirname, '../support/preload/allocations.ts');
const WARM_UP = 30;
const REQUESTS = 40;
const ROUNDS = 2;

const routes = (upstream: string) => ({
  version: 1,
  plans: { large: { limit: '1000000/s' } },
  tenants: { acme: { plan: 'large', keys: [KEY] } },
  upstreams: { origin: upstream, plain: { targets: [upstream], breaker: 'none' } },
  routes: {
    bare: { match: 'GET /bare/{id}', to: 'plain', auth: 'none', retry: 0 },
    full: { match: 'GET /full/{id}', to: 'origin', auth: 'key', limit: '1000000/s', timeout: '5s', retry: 2 },
    orders: {
      match: 'POST /orders/{id}',
      to: 'origin',
      auth: 'key',
      limit: '1000000/s',
      body: {
        type: 'object',
        required: ['customer', 'items'],
        properties: {
          customer: { type: 'string' },
          items: {
            type: 'array',
            items: { type: 'object', properties: { sku: { type: 'string', pattern: '^[A-Z]' } } },
          },
        },
      },
    },
  },
});

const answer: Answer = ({ url }, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 11 });
  // While one of them is under way, V8 forgets nothing of how an exchange is made, whatever it collects.
  if (url.endsWith('/endless')) response.write('{');
  else response.end('{"ok":true}');
};

suite('one request allocates', () => {
  const t = suiteCleanUp(after);
  let gateway: RunningGateway;
  let client: RawClient;

  before(async () => {
    const origin = await startOrigin(t, answer);
    gateway = await startGateway(t, { routes: routes(origin.url), env: { NODE_OPTIONS: `--import=${PRELOAD}` } });
    client = await rawConnect(t, gateway.port);
  });

  async function send({ request, status }: Kind, times: number): Promise<void> {
    for (let sent = 0; sent < times; sent++) assert.equal((await client.send(request).response()).status, status);
  }

  /** What each function of src/ allocates for one request, in whole objects: what the clock adds now and then is none. */
  async function allocations(kind: Kind): Promise<readonly FunctionAllocations[]> {
    assert.equal(await signalReport(gateway.process, 'counting'), true);
    await send(kind, REQUESTS);
    const counted = await signalReport(gateway.process, 'allocated');
    assert.ok(isList(counted));
    return counted.map((each) => ({
      at: each.at,
      objects: Math.round(each.objects / REQUESTS),
      bytes: Math.round(each.bytes / REQUESTS),
      chargedObjects: Math.round(each.chargedObjects / REQUESTS),
      chargedBytes: Math.round(each.chargedBytes / REQUESTS),
    }));
  }

  for (const kind of KINDS) {
    test(`for ${kind.name} what is written down`, async () => {
      await send(kind, WARM_UP);
      const endless = await rawConnect(t, gateway.port);
      endless.send(kind.request.replace('/1 ', '/endless '));
      if (kind.status === 200) await once(endless.socket, 'data');
      const rounds: (readonly FunctionAllocations[])[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        // The first ones after a garbage collection, which ends each round, are no measure.
        await send(kind, 5);
        rounds.push(await allocations(kind));
      }
      assertAsWritten(kind, least(rounds));
    });
  }
});

function isList(value: unknown): value is FunctionAllocations[] {
  return Array.isArray(value);
}

/** Of each function what it allocated in every round. */
function least([first = [], ...others]: readonly (readonly FunctionAllocations[])[]): FunctionAllocations[] {
  return first.map((each) => others.map((round) => sameFunction(round, each)).reduce(lesser, each));
}

function sameFunction(round: readonly FunctionAllocations[], { at }: FunctionAllocations): FunctionAllocations {
  return round.find((each) => each.at === at) ?? { at, objects: 0, bytes: 0, chargedObjects: 0, chargedBytes: 0 };
}

function lesser(a: FunctionAllocations, b: FunctionAllocations): FunctionAllocations {
  return b.chargedBytes < a.chargedBytes ? b : a;
}

function assertAsWritten(kind: Kind, functions: readonly FunctionAllocations[]): void {
  const sum = (of: (each: FunctionAllocations) => number): number => functions.reduce((all, each) => all + of(each), 0);
  const objects = sum((each) => each.objects);
  const bytes = sum((each) => each.bytes);
  const charged = sum((each) => each.chargedObjects);
  const figures = `objects: ${objects}, bytes: ${bytes}, charged: ${charged}`;
  const written = `objects: ${kind.objects}, bytes: ${kind.bytes}, charged: ${kind.charged}`;
  const isAbove = (value: number, limit: number, slack: number): boolean => value > limit * (1 + slack);
  const more =
    objects > kind.objects || isAbove(bytes, kind.bytes, BYTES_SLACK) || isAbove(charged, kind.charged, CHARGED_SLACK);
  const fewer =
    objects < kind.objects - STALE ||
    isAbove(kind.bytes, bytes, BYTES_SLACK) ||
    isAbove(kind.charged, charged, CHARGED_SLACK);
  assert.ok(
    !more,
    `${kind.name} allocates ${figures}; written down is ${written}. Usually it is a closure, an array, a rest parameter, a text put together or JSON.stringify. Where, for one request (with figures of 0 here, the commit before prints its own table to compare):\n${table(functions)}`,
  );
  assert.ok(
    !fewer,
    `${kind.name} allocates less than is written down (${written}): write ${figures}, or as much could be added unseen`,
  );
}

/** Those that allocate most themselves, and those that have most allocated by what they call. */
function table(functions: readonly FunctionAllocations[]): string {
  const lines = functions
    .toSorted((a, b) => b.bytes - a.bytes || b.chargedBytes - a.chargedBytes)
    .map(({ at, objects, bytes, chargedObjects }) => row(objects, bytes, chargedObjects, at));
  return [row('objects', 'bytes', 'charged', 'function'), ...lines].join('\n');
}

function row(...cells: readonly [...(number | string)[], string]): string {
  return cells.map((cell, place) => (place < 3 ? String(cell).padStart(8) : `  ${cell}`)).join('');
}
