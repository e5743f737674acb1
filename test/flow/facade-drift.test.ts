// GitHub's API as a third party whose answers drift: its own examples pass by its own response schemas, taken whole, and what is
// changed in them is reported at its place.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { Callers } from '../support/callers.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { type DescribedAnswer, githubAnswers } from '../support/openapi.ts';
import { type Drift, driftsOf } from '../support/openapi-drift.ts';
import type { Json } from '../support/openapi-schema.ts';
import { assertProblem } from '../support/problems.ts';
import type { RawResponse } from '../support/raw.ts';
import { answerJson, answerText, startVendor } from '../support/vendor.ts';

/** Of those that differ every third, and all that know every member. */
function someAnswers(): readonly DescribedAnswer[] {
  const distinct = new Map(githubAnswers().map((each) => [JSON.stringify(each.schema), each]));
  return [...distinct]
    .filter(([text], index) => index % 3 === 0 || text.includes('"additionalProperties":false'))
    .map(([, answer]) => answer);
}

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addFormat('repo.nwo', true);

/** What another validator says of the examples. */
function fits({ schema, examples }: DescribedAnswer): boolean {
  const validate = ajv.compile(schema);
  return examples.every((example) => validate(example));
}

const nameOf = ({ operation: { id } }: DescribedAnswer): string => id.replaceAll('/', '.');

/** `sluice_drift_total` as `route pointer kind` → how often. */
async function drifted({ adminUrl }: RunningGateway): Promise<Map<string, number>> {
  const text = await (await fetch(`${adminUrl}/metrics`, { headers: { connection: 'close' } })).text();
  const counts = new Map<string, number>();
  for (const [, route, pointer = '', kind, count] of text.matchAll(
    /^sluice_drift_total\{route="([^"]*)",(?:pointer="([^"]*)",)?kind="([^"]*)"\} (\d+)$/gm,
  )) {
    counts.set(`${route} ${pointer} ${kind}`, Number(count));
  }
  return counts;
}

/** Events of drift as `route pointer kind`. */
function events({ log }: RunningGateway): readonly string[] {
  return log.lines
    .filter(({ event }) => event === 'response_drift')
    .map(({ route, pointer, kind }) => `${route} ${String(pointer)} ${String(kind)}`);
}

/** A few at a time. */
async function eachOf<T>(all: readonly T[], visit: (one: T) => Promise<void>): Promise<void> {
  const rest = all.values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const one of rest) await visit(one);
    }),
  );
}

test('answers of GitHub, by its own description', async (t) => {
  const answers = someAnswers();
  const fitting = answers.filter(fits);
  const drifts = fitting.flatMap((answer) =>
    driftsOf(answer.schema, answer.examples[0] ?? null).map((drift) => ({ answer, drift })),
  );
  const bodies = new Map<string, Json>();
  const vendor = await startVendor(t, {
    answer: (request, ...rest) =>
      answerJson(bodies.get(`${request.method} ${decodeURIComponent(request.url)}`) ?? null)(request, ...rest),
  });
  const routesOf = (answer: DescribedAnswer, index: number): readonly (readonly [string, object])[] => {
    const { method, path } = answer.operation;
    const response = { schema: `schemas/${index}.json`, sample: '100%' };
    const strict = { match: `${method} /strict${path}`, request: { path } };
    return [
      [nameOf(answer), { match: `${method} ${path}`, to: 'github', response: { ...response, on_fail: 'report' } }],
      [`${nameOf(answer)}.strict`, { ...strict, to: 'github', response: { ...response, on_fail: 'reject' } }],
    ];
  };
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      integrations: { github: { url: vendor.url, retry: 0 } },
      routes: Object.fromEntries(answers.flatMap(routesOf)),
    },
    files: Object.fromEntries(answers.map(({ schema }, index) => [`schemas/${index}.json`, JSON.stringify(schema)])),
  });
  const callers = new Callers(t, gateway);
  const observed = new Observed(gateway);
  const ask = (answer: DescribedAnswer, body: Json, prefix = ''): Promise<RawResponse> => {
    const { method, samplePath } = answer.operation;
    bodies.set(`${method} ${decodeURIComponent(samplePath)}`, body);
    return callers.ask(prefix + samplePath, { method }).answer;
  };

  await t.test('all of their schemas are taken, and there are enough of them', () => {
    assert.equal(gateway.process.stderr.includes(' error '), false, gateway.process.stderr);
    const kinds = Object.groupBy(drifts, ({ drift: { kind } }) => kind);
    const { missing, type, enum: values, unexpected } = kinds;
    assert.deepEqual(
      [answers, fitting, missing, type, values, unexpected].map((all) => all?.length),
      [164, 133, 111, 125, 54, 5],
    );
  });

  await t.test('in the shape of its examples they pass, untouched', async () => {
    await eachOf(fitting, async (answer) => {
      for (const example of answer.examples) {
        const { status, body } = await ask(answer, example);
        assert.equal(status, 200, nameOf(answer));
        assert.equal(body.toString(), JSON.stringify(example));
      }
      assert.equal((await ask(answer, answer.examples[0] ?? null, '/strict')).status, 200, nameOf(answer));
    });
    assert.deepEqual([...(await drifted(gateway))], []);
  });

  await t.test('examples that break their own schema are told, and pass all the same', async () => {
    const broken = answers.filter((answer) => !fitting.includes(answer));
    await eachOf(broken, async (answer) => {
      for (const example of answer.examples) assert.equal((await ask(answer, example)).status, 200, nameOf(answer));
    });
    const told = new Set(Array.from((await drifted(gateway)).keys(), (key) => key.split(' ')[0]));
    assert.deepEqual(told, new Set(broken.map(nameOf)));
  });

  await t.test(
    'a field that is gone, of another type, outside of its list or unknown is reported where it is',
    async () => {
      const before = await drifted(gateway);
      await eachOf(fitting, async (answer) => {
        for (const { drift } of drifts.filter((each) => each.answer === answer)) {
          for (let i = 0; i < 2; i++) {
            const { status, body } = await ask(answer, drift.answer);
            assert.equal(status, 200, nameOf(answer));
            assert.equal(body.toString(), JSON.stringify(drift.answer));
          }
        }
      });
      const after = await drifted(gateway);
      assert.deepEqual(
        new Map([...after].filter(([key]) => !before.has(key))),
        new Map(drifts.map((each) => [seriesOf(nameOf(each.answer), each.drift), 2])),
      );
      await observed.atRest();
      assert.deepEqual(events(gateway).toSorted(), [...after.keys()].toSorted(), 'one event for each, however often');
    },
  );

  await t.test('with on_fail: reject they are a 502 that names the place', async () => {
    await eachOf(fitting, async (answer) => {
      for (const { drift } of drifts.filter((each) => each.answer === answer)) {
        const problem = assertProblem(await ask(answer, drift.answer, '/strict'), 502, 'integration.drifted');
        assert.equal(problem.detail, `the answer of github does not match its schema at ${drift.place}`);
      }
    });
    const counts = await drifted(gateway);
    for (const { answer, drift } of drifts) {
      assert.equal(counts.get(seriesOf(`${nameOf(answer)}.strict`, drift)), 1, `${nameOf(answer)} ${drift.place}`);
    }
    await observed.atRest();
  });
});

/** As Prometheus writes it. */
function seriesOf(route: string, { place, kind }: Drift): string {
  return `${route} ${place} ${kind}`;
}

const MANY = Array.from({ length: 60 }, (_, index) => `p${index}`);
const NUMBERS = { type: 'object', properties: Object.fromEntries(MANY.map((name) => [name, { type: 'integer' }])) };

test('places beyond the cap are counted as one', async (t) => {
  const wrong = (from: number, to: number): Json => Object.fromEntries(MANY.slice(from, to).map((name) => [name, 'x']));
  const vendor = await startVendor(t, {
    answer: (request, ...rest) => {
      const [, from, to] = request.url.split('/').map(Number);
      return answerJson(wrong(from ?? 0, to ?? 0))(request, ...rest);
    },
  });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      integrations: { many: vendor.url },
      routes: {
        many: { match: '/{from}/{to}', to: 'many', auth: 'none', response: { schema: NUMBERS, sample: '100%' } },
      },
    },
  });
  const callers = new Callers(t, gateway);
  for (const path of ['/0/40', '/20/60', '/20/60']) assert.equal((await callers.ask(path).answer).status, 200);
  const counts = await drifted(gateway);
  const named: [string, number][] = MANY.slice(0, 16).map((name) => [`many /${name} type`, 1]);
  assert.deepEqual(counts, new Map([...named, ['many _other type', 104]]));
  await new Observed(gateway).atRest();
  // The log names more of them than the metrics have series for.
  assert.equal(events(gateway).length, 51);
  assert.ok(events(gateway).includes('many /p49 type'));
});

test('a sample looks at some answers and leaves the others alone', async (t) => {
  const vendor = await startVendor(t, { answer: answerJson({ p1: 'not in the log' }) });
  const route = (sample: string): object => ({ to: 'many', auth: 'none', response: { schema: NUMBERS, sample } });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      integrations: { many: vendor.url },
      routes: { half: { match: '/half', ...route('50%') }, none: { match: '/none', ...route('0%') } },
    },
  });
  const callers = new Callers(t, gateway);
  await eachOf(MANY, async () => {
    for (const path of ['/half', '/half', '/none']) assert.equal((await callers.ask(path).answer).status, 200);
  });
  const counts = await drifted(gateway);
  const half = counts.get('half /p1 type') ?? 0;
  assert.deepEqual([...counts.keys()], ['half /p1 type']);
  // Of 120, all or none once in 10³⁶.
  assert.ok(half > 0 && half < 120, String(half));
  await new Observed(gateway).atRest();
  assert.doesNotMatch(JSON.stringify(gateway.log.lines), /not in the log/);
});

test('an answer that is no JSON at all is drift, too', async (t) => {
  const html = answerText('text/html', '<h1>Down for maintenance</h1>');
  const vendor = await startVendor(t, { answer: html });
  // Without a sample all of them are looked at.
  const response = { schema: NUMBERS };
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      integrations: { many: { url: vendor.url, retry: 0 } },
      routes: {
        loose: { match: '/loose', to: 'many', response },
        strict: { match: '/strict', to: 'many', response: { ...response, on_fail: 'reject' } },
      },
    },
  });
  const callers = new Callers(t, gateway);
  const loose = await callers.ask('/loose').answer;
  assert.deepEqual(
    [loose.status, loose.body.toString(), loose.header('content-type')],
    [200, '<h1>Down for maintenance</h1>', 'text/html'],
  );
  assert.deepEqual([...(await drifted(gateway))], [['loose  type', 1]]);
  assertProblem(await callers.ask('/strict').answer, 502, 'integration.not_json');
  const observed = new Observed(gateway);
  await observed.atRest();
  assert.equal(await observed.metric('sluice_breaker_state', { upstream: 'many', state: 'open' }), 0);
});
