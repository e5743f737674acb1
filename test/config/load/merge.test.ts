import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergeLayers, mergeSettings } from '../../../src/config/load/merge.ts';
import * as s from '../../../src/schema/schema.ts';
import { reading } from '../../support/reading.ts';

const doc = '';
const schema = s.partial(
  s.object(
    {
      retry: s.object(
        { max: s.integer({ doc, default: 2 }), when: s.list(s.string({ doc }), { doc, default: ['connect'] }) },
        { doc },
      ),
      breaker: s.off(
        s.object({ min: s.integer({ doc, default: 20 }), open: s.duration({ doc, default: '30s' }) }, { doc }),
      ),
    },
    { doc },
  ),
);

function layer(written: string): s.Setting {
  const { setting, told } = reading(schema, written);
  assert.deepEqual(told, []);
  assert.ok(setting);
  return setting;
}

function merged(...written: string[]): s.Infer<typeof schema> {
  return schema.decode(mergeLayers([schema.defaults(), ...written.map(layer)]));
}

describe('layers of settings', () => {
  it('merge maps deeply, and replace lists and single values', () => {
    assert.deepEqual(merged('{ retry: { max: 5 } }', '{ retry: { when: [reset] } }').retry, {
      max: 5,
      when: ['reset'],
    });
  });

  it('switch off with none, and on again with a map', () => {
    assert.equal(merged('{ breaker: none }').breaker, null);
    assert.deepEqual(merged('{ breaker: none }', '{ breaker: { min: 5 } }').breaker, { min: 5, open: 30_000 });
    assert.equal(merged('{ breaker: { min: 5 } }', '{ breaker: none }').breaker, null);
  });

  it('keep where every value comes from, and change no layer', () => {
    const under = layer('{ retry: { max: 5 } }');
    const over = layer('{ retry: { when: [reset] } }');
    const both = mergeSettings(under, over);
    const max = s.settings.nearest(both, ['retry', 'max']);
    assert.equal(max, s.settings.nearest(under, ['retry', 'max']));
    assert.deepEqual(over, layer('{ retry: { when: [reset] } }'));
  });

  it('that say nothing are skipped', () => {
    assert.equal(mergeLayers([undefined, undefined]), undefined);
    const only = layer('{ breaker: none }');
    assert.equal(mergeLayers([undefined, only, undefined]), only);
  });
});
