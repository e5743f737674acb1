import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Findings } from '../../src/config/check/finding.ts';
import { mergeSettings } from '../../src/config/load/merge.ts';
import * as s from '../../src/schema/schema.ts';
import { nodeOf, reading, readingOf } from '../support/reading.ts';

const doc = 'for the reference';

describe('a scalar', () => {
  it('is read from what was written, not from what YAML makes of it', () => {
    assert.equal(reading(s.string({ doc }), '2.0').value, '2.0');
    assert.equal(reading(s.string({ doc }), 'true').value, 'true');
    assert.equal(reading(s.string({ doc }), "'a b'").value, 'a b');
    assert.equal(reading(s.integer({ doc }), '"7"').value, 7);
  });

  it('points at its own place when it is wrong', () => {
    assert.deepEqual(reading(s.duration({ doc }), '5').told, [
      '1:8 bad-value "5" is not a duration such as 250ms or 5s (add a unit: ms, s, m or h)',
    ]);
    assert.deepEqual(reading(s.integer({ doc, min: 1, max: 9 }), '10').told, [
      '1:8 bad-value 10 is too large (the most is 9)',
    ]);
    assert.deepEqual(reading(s.string({ doc, pattern: /[a-z]+/, expected: 'a word' }), 'a1').told, [
      '1:8 bad-value "a1" is not a word',
    ]);
  });

  it('refuses numbers that are written in a way people read differently', () => {
    for (const odd of ['010', '0x1F', '1e3', '1_000', '.inf', '1.0']) {
      assert.equal(reading(s.integer({ doc }), odd).told.length, 1, odd);
    }
    assert.equal(reading(s.number({ doc }), '1.50').value, 1.5);
  });

  it('is true or false by those words only', () => {
    assert.equal(reading(s.boolean({ doc }), 'true').value, true);
    assert.deepEqual(reading(s.boolean({ doc }), 'yes').told, [
      '1:8 bad-value "yes" is not true or false (write true)',
    ]);
    assert.deepEqual(reading(s.boolean({ doc }), 'Off').told, [
      '1:8 bad-value "Off" is not true or false (write false)',
    ]);
  });

  it('suggests the word that was meant', () => {
    const schema = s.choice(['least_pending', 'round_robin'], { doc });
    assert.equal(reading(schema, 'round_robin').value, 'round_robin');
    assert.deepEqual(reading(schema, 'round-robin').told, [
      '1:8 bad-value "round-robin" is not one of least_pending, round_robin (did you mean "round_robin"?)',
    ]);
  });

  it('must be there, and be a scalar', () => {
    assert.deepEqual(reading(s.bytes({ doc }), '').told, [
      '1:1 no-value there is no value here: expected a size such as 64KiB or 1MiB (give a value, or remove the key)',
    ]);
    assert.deepEqual(reading(s.percent({ doc }), '[20%]').told, [
      '1:8 wrong-type expected a percentage such as 20%, not a list',
    ]);
  });

  it('never shows a secret', () => {
    const secret = { kind: 'scalar', text: 'hunter2', type: 'string', at: nodeOf('x').at, secret: true } as const;
    const schemas: s.Schema<unknown>[] = [
      s.integer({ doc }),
      s.duration({ doc }),
      s.choice(['a'], { doc }),
      s.object({}, { doc }),
    ];
    for (const schema of schemas) {
      const [finding] = readingOf(schema, secret).told;
      assert.doesNotMatch(finding ?? 'hunter2', /hunter2/);
    }
  });

  it('can be of your own kind', () => {
    const host = s.custom({
      doc,
      expected: 'a URL',
      json: { type: 'string' },
      parse: (text) =>
        URL.canParse(text) ? new URL(text) : { error: `"${text}" is not a URL`, hint: 'start with http://' },
    });
    assert.equal(reading(host, 'http://a:80/b').value.pathname, '/b');
    assert.deepEqual(reading(host, 'nowhere').told, ['1:8 bad-value "nowhere" is not a URL (start with http://)']);
  });

  it('has a default that its own rules accept, or the program does not start', () => {
    assert.equal(s.duration({ doc, default: '5s' }).decode(undefined), 5000);
    assert.throws(() => s.duration({ doc, default: '5' }), /default "5" of a schema/);
    assert.throws(() => s.duration({ doc, default: '5ms', min: '1s' }), /too small/);
  });
});

const retry = s.object(
  {
    max: s.integer({ doc, default: 2, min: 0 }),
    when: s.list(s.choice(['connect', 'reset'], { doc }), { doc, default: ['connect'], single: true }),
    cap: s.optional(s.duration({ doc, default: '1s' })),
  },
  { doc, name: 'retry', reserved: ['hedge'] },
);

const route = s.object(
  { to: s.string({ doc }), retry: s.short(retry, s.integer({ doc }), 'max') },
  { doc, name: 'route' },
);

describe('an object', () => {
  it('fills in defaults, and leaves optional settings undefined', () => {
    assert.deepEqual(reading(route, '{ to: orders }').value, {
      to: 'orders',
      retry: { max: 2, when: ['connect'], cap: undefined },
    });
  });

  it('refuses keys it does not know, at the key', () => {
    assert.deepEqual(reading(route, '{ to: orders, retires: 3 }').told, [
      '1:22 unknown-key "retires" is not a route setting (did you mean "retry"?)',
    ]);
    assert.deepEqual(reading(retry, '{ hedge: 1 }').told, [
      '1:10 unknown-key "hedge" is not a retry setting (reserved for a later version of Sluice)',
    ]);
  });

  it('asks for what is required', () => {
    assert.deepEqual(reading(route, '{ retry: 3 }').told, ['1:8 missing-key a route needs "to" (to: text)']);
  });

  it('finds everything at once', () => {
    assert.equal(reading(route, '{ retry: { max: -1, when: [later], cap: 5 }, too: x }').told.length, 5);
  });

  it('does not take a key of every object for a setting', () => {
    assert.deepEqual(reading(retry, '{ __proto__: 1, constructor: 2 }').told.length, 2);
  });
});

describe('a list', () => {
  it('takes a lone value for a list of one where that is said', () => {
    assert.deepEqual(reading(retry, '{ when: reset }').value.when, ['reset']);
    assert.deepEqual(reading(s.list(s.string({ doc }), { doc }), 'a').told, [
      '1:8 wrong-type expected a list, each text, not "a"',
    ]);
  });

  it('may need items', () => {
    assert.deepEqual(reading(s.list(s.string({ doc }), { doc, min: 1 }), '[]').told, [
      '1:8 too-few this list is empty',
    ]);
  });
});

describe('a record', () => {
  const limits = s.record(s.rate({ doc }), { doc, key: { pattern: /[a-z-]+/, expected: 'a route name' } });

  it('is a map by name', () => {
    assert.deepEqual([...reading(limits, '{ a: 1/s, b: 2/s }').value.keys()], ['a', 'b']);
  });

  it('keeps names that mean something to JavaScript', () => {
    assert.deepEqual(
      [...reading(s.record(s.string({ doc }), { doc }), '{ __proto__: x }').value],
      [['__proto__', 'x']],
    );
  });

  it('checks names and values, each at its place', () => {
    assert.deepEqual(reading(limits, '{ A: 1/s, b: 2 }').told, [
      '1:10 bad-key "A" is not a route name',
      '1:21 bad-value "2" is not a rate such as 10/s, 100/min or 500/h',
    ]);
  });
});

describe('a short form', () => {
  it('stands for one field of the long form', () => {
    assert.equal(reading(route, '{ to: orders, retry: 3 }').value.retry.max, 3);
    assert.equal(reading(route, '{ to: orders, retry: { max: 3 } }').value.retry.max, 3);
  });

  it('may be parsed into several', () => {
    const range = s.short(
      s.object({ from: s.string({ doc }), to: s.string({ doc }) }, { doc }),
      s.string({ doc }),
      (setting, report) => {
        if (setting.kind !== 'leaf' || setting.at === 'default') return undefined;
        const [from, to] = setting.text.split('..');
        if (from === undefined || to === undefined) {
          report.add(setting.at, 'bad-value', 'a range has two ends');
          return undefined;
        }
        const { at } = setting;
        return s.settings.map(
          [
            ['from', s.settings.leaf(from, from, at)],
            ['to', s.settings.leaf(to, to, at)],
          ],
          at,
        );
      },
    );
    assert.deepEqual(reading(range, 'a..b').value, { from: 'a', to: 'b' });
    assert.deepEqual(reading(range, 'a').told, ['1:8 bad-value a range has two ends']);
  });
});

describe('none', () => {
  it('switches a setting off, which is not the same as leaving it out', () => {
    const timeout = s.off(s.duration({ doc, default: '30s' }));
    assert.equal(reading(timeout, 'none').value, null);
    assert.equal(timeout.decode(undefined), 30_000);
    assert.equal(reading(timeout, '5s').value, 5000);
  });

  it('may be the default', () => {
    const total = s.off(s.duration({ doc }), { default: 'none' });
    assert.equal(total.decode(undefined), null);
    assert.equal(total.required, false);
  });

  it('is only for settings that can be off', () => {
    assert.equal(reading(s.duration({ doc }), 'none').told.length, 1);
    assert.deepEqual(reading(s.off(s.duration({ doc })), '~').told, [
      '1:8 no-value there is no value here: expected a duration such as 250ms or 5s, or none (`none` switches it off)',
    ]);
  });
});

describe('a JSON value', () => {
  it('is what YAML means by it', () => {
    const written = '{ type: object, minimum: 1.50, list: [true, null, "7"], deep: { __proto__: 1 } }';
    const value = reading(s.json({ doc }), written).value;
    assert.equal(
      JSON.stringify(value),
      '{"type":"object","minimum":1.5,"list":[true,null,"7"],"deep":{"__proto__":1}}',
    );
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });

  it('has no infinity', () => {
    assert.deepEqual(reading(s.json({ doc }), '[.inf]').told, [
      '1:9 bad-value ".inf" is not a number that JSON can hold',
    ]);
  });
});

describe('layers', () => {
  it('that many share are read once, and what is missing from one is told to each', () => {
    const layer = s.shared(s.partial(route));
    const sound = reading(layer, '{ to: orders }').setting;
    const report = new Findings();
    const complete = layer.complete(sound, report);
    assert.equal(layer.complete(sound, report), complete);
    assert.equal(layer.decode(complete), layer.decode(complete));
    assert.equal(report.errors, 0);
    const lacking = reading(layer, '{ retry: 1 }').setting;
    layer.complete(lacking, report);
    layer.complete(lacking, report);
    assert.deepEqual(
      report.all.map((finding) => finding.message),
      ['a route needs "to"', 'a route needs "to"'],
    );
  });

  it('may each lack what is required, but not all of them', () => {
    const layer = s.partial(route);
    const below = reading(layer, '{ retry: { cap: 5s } }');
    assert.deepEqual(below.told, []);
    const report = new Findings();
    assert.ok(below.setting);
    layer.complete(below.setting, report);
    assert.deepEqual(
      report.all.map((finding) => finding.message),
      ['a route needs "to"'],
    );
  });

  it('complete to the long form with the origin of every value', () => {
    const report = new Findings();
    const under = reading(s.partial(route), '{ retry: { cap: 5s } }').setting;
    const over = reading(s.partial(route), '{ to: orders, retry: 4 }').setting;
    assert.ok(under && over);
    const complete = route.complete(mergeSettings(under, over), report);
    assert.ok(complete);
    assert.deepEqual(report.all, []);
    assert.deepEqual(route.decode(complete).retry, { max: 4, when: ['connect'], cap: 5000 });
    const origins = ['max', 'when', 'cap'].map((name) => s.settings.nearest(complete, ['retry', name]).at);
    assert.deepEqual(
      origins.map((at) => (at === 'default' ? at : at.column)),
      [29, 'default', 24],
    );
  });
});
