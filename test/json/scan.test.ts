import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type JsonFault, scanJson } from '../../src/json/scan.ts';

function faultOf(text: string | Buffer): JsonFault {
  const scan = scanJson(Buffer.from(text));
  assert.ok('error' in scan, `${JSON.stringify(text)} is refused`);
  return scan;
}

describe('scanJson', () => {
  it('reads what JSON.parse reads', () => {
    const texts = [
      'null',
      ' [1, 2.5e-3, "a:b{"] ',
      '{"a":{"b":[{}, {"a":1}]},"":0}',
      '"\\ud834\\udd1e"',
      '{"\\u007b":"\\"}"}',
    ];
    for (const text of texts) assert.deepEqual(scanJson(Buffer.from(text)), { value: JSON.parse(text) });
  });

  it('refuses a duplicate key at any depth, however it is escaped', () => {
    assert.deepEqual(faultOf('{"a":1,"b":{"x":1,"\\u0078":2}}'), {
      error: 'duplicate',
      line: 1,
      column: 19,
      detail: 'has the key "x" twice',
    });
    assert.equal(faultOf('[{"__proto__":1,"__proto__":2}]').error, 'duplicate');
  });

  it('refuses nesting beyond the limit before it is parsed', () => {
    assert.ok('value' in scanJson(Buffer.from('['.repeat(64) + ']'.repeat(64))));
    assert.deepEqual(faultOf('['.repeat(100_000)), {
      error: 'depth',
      line: 1,
      column: 65,
      detail: 'is nested deeper than 64 levels',
    });
  });

  it('says where a text goes wrong, in lines and characters', () => {
    const cases: [string, number, number, RegExp][] = [
      ['', 1, 1, /is empty/],
      ['{"a":1,\n  "𝄞é": tru}', 2, 9, /"t" where a value is expected/],
      ['{"a" 1}', 1, 6, /":" after the key/],
      ['[1 2]', 1, 4, /"," or "\]"/],
      ['{"a":1}x', 1, 8, /the end of the text/],
      ['["abc', 1, 2, /a string without an end/],
      ['["a\\q"]', 1, 4, /an unknown escape/],
      ['["a\tb"]', 1, 4, /a control character/],
      ['\ufeff{}', 1, 1, /byte order mark/],
      ['[01]', 1, 3, /"1" where/],
    ];
    for (const [text, line, column, detail] of cases) {
      const fault = faultOf(text);
      assert.deepEqual([fault.error, fault.line, fault.column], ['syntax', line, column], text);
      assert.match(fault.detail, detail);
    }
  });

  it('agrees with JSON.parse on damaged texts', () => {
    const text = '{"a": [1, -2.5e+3, true, null, "x\\n\\u00e9"], "b": {"c": {}}}';
    for (let at = 0; at < text.length; at++) {
      for (const damaged of [text.slice(0, at) + text.slice(at + 1), `${text.slice(0, at)}"${text.slice(at)}`]) {
        assert.equal('value' in scanJson(Buffer.from(damaged)), parses(damaged), damaged);
      }
    }
  });

  it('refuses what is not UTF-8, and says where', () => {
    const bytes = Buffer.concat([Buffer.from('{"é":\n"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]);
    assert.deepEqual(faultOf(bytes), { error: 'encoding', line: 2, column: 2, detail: 'is not valid UTF-8' });
    const text = '"aé€😀'.repeat(9);
    for (let at = 0; at < Buffer.byteLength(text); at++) {
      const damaged = Buffer.from(text);
      damaged[at] = 0xff;
      assert.equal(faultOf(damaged).column - 1, Array.from(damaged.toString().replace(/\ufffd.*$/su, '')).length);
    }
    assert.equal(faultOf(Buffer.alloc(100, 0x80)).column, 1);
  });

  it('refuses more than 100,000 keys, over all objects, with the place of the first too many', () => {
    const most = `[${Array.from({ length: 50_000 }, () => '{"a":1,"b":2}').join()}]`;
    assert.ok('value' in scanJson(Buffer.from(most)));
    const fault = faultOf(Buffer.from(`${most.slice(0, -1)},\n{"é":1}]`));
    assert.deepEqual([fault.error, fault.line, fault.column], ['keys', 2, 5]);
    assert.equal(fault.detail, 'has more than 100000 keys');
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
