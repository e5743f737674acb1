import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { showFindings } from '../../../src/cli/findings.ts';
import { type Finding, Findings } from '../../../src/config/check/finding.ts';
import { findingsText } from '../../../src/config/check/finding-text.ts';
import type { Place } from '../../../src/schema/schema.ts';

function at(line: number, column: number, length = 1, file = 'routes.yaml'): Place {
  return { file, line, column, length };
}

function text(findings: readonly Finding[], file: string, colour = false): string {
  return findingsText(findings, { textOf: (name) => (name === 'routes.yaml' ? file : undefined), colour });
}

function error(place: Place, hint?: string): Finding {
  return { at: place, code: 'bad-value', severity: 'error', message: 'no', ...(hint !== undefined && { hint }) };
}

describe('findings', () => {
  it('read as the command line promises', () => {
    const findings = new Findings();
    findings.add(
      at(3, 5),
      'post-retry',
      'POST retries without `idempotency` cover connect failures only',
      undefined,
      'warning',
    );
    findings.add(at(2, 5, 7), 'unknown-key', '"retires" is not a route setting', 'did you mean "retry"?');
    assert.equal(
      text(findings.all, 'routes:\n    retires: 3\n    retry: 2\n'),
      [
        'routes.yaml:2:5 error unknown-key: "retires" is not a route setting',
        '  2 |     retires: 3',
        '    |     ^^^^^^^ did you mean "retry"?',
        'routes.yaml:3:5 warning post-retry: POST retries without `idempotency` cover connect failures only',
        '1 error, 1 warning',
        '',
      ].join('\n'),
    );
  });

  it('come by file, line and column, and in the order found at one place', () => {
    const findings = new Findings();
    findings.add(at(2, 1), 'd', '');
    findings.add(at(1, 9), 'c', '');
    findings.add(at(1, 2), 'a', '');
    findings.add(at(1, 2), 'b', '', undefined, 'warning');
    findings.add(at(1, 1, 1, 'z.yaml'), 'e', '');
    assert.deepEqual(
      findings.all.map((finding) => finding.code),
      ['a', 'b', 'c', 'd', 'e'],
    );
    assert.equal(findings.errors, 4);
  });

  it('are many in one line of a generated file: it is gone through once, not for each of them', () => {
    const entries = Array.from(
      { length: 20_000 },
      (_, index) => `"route-${index}":{"keys":["secret-${index}"],"to":"x"}`,
    );
    const file = `{"routes":{${entries.join(',')}}}`;
    const places = Array.from(file.matchAll(/"x"/g), ({ index }) => error(at(1, index + 1, 3)));
    const lines = text(places, file).trimEnd().split('\n');
    assert.equal(lines.length, 3 * places.length + 1);
    assert.match(lines.at(-3) ?? '', /"to":"x"/);
    assert.match(lines.at(-2) ?? '', / \^{3}$/);
    assert.ok(!lines.some((line) => line.includes('secret-')));
  });

  it('are counted in words', () => {
    const warning: Finding = { ...error(at(1, 1)), severity: 'warning' };
    assert.match(text([error(at(1, 1)), error(at(1, 1))], 'x'), /\n2 errors\n$/);
    assert.match(text([warning], 'x'), /\n1 warning\n$/);
    assert.equal(text([], ''), '');
  });

  it('show the lines of their files', () => {
    const own = fileURLToPath(import.meta.url);
    assert.match(
      showFindings([error(at(1, 1, 6, own))], false),
      /\n {2}1 \| import assert.*\n {4}\| \^{6}\n1 error\n$/,
    );
    assert.equal(showFindings([error(at(1, 1, 1, '$PORT'))], false), '$PORT:1:1 error bad-value: no\n1 error\n');
  });

  it('keep the caret under its text behind tabs, and inside the line', () => {
    assert.match(text([error(at(1, 3, 99))], '\t\tab'), /\n {2}1 \| \t\tab\n {4}\| \t\t\^\^\n/);
  });

  it('cut a long line around what is meant', () => {
    const [, line = '', caret = ''] = text(
      [error(at(1, 5001, 6))],
      `${'x'.repeat(5000)}wrong!${'y'.repeat(5000)}`,
    ).split('\n');
    assert.ok(line.length < 200);
    assert.equal(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), 'wrong!');
  });

  it('do not repeat a key that stands on the same line', () => {
    const key = 'slc_4f9Kd82hQ0aZ71mXc35vB6nT';
    const shown = text([error(at(1, 1, 4))], `plna: pro, keys: ["${key}"], note: a-plain-but-long-route-name`);
    assert.ok(!shown.includes(key));
    assert.match(shown, /a-plain-but-long-route-name/);
  });

  it('cannot drive the terminal', () => {
    const shown = text([{ ...error(at(1, 1)), message: 'a\u001B[31m\nb' }], 'x: \u001B[2J');
    assert.ok(!shown.includes('\u001B'));
    assert.match(shown, /a\\u001b\[31m\\nb/);
  });

  it('are coloured only when asked', () => {
    assert.ok(text([error(at(1, 1))], 'x', true).includes('\u001B[31merror bad-value\u001B[39m'));
  });

  it('do without their line when the file cannot be read', () => {
    assert.equal(
      text([error(at(1, 1, 1, 'gone.yaml'), 'create it')], ''),
      'gone.yaml:1:1 error bad-value: no\n  create it\n1 error\n',
    );
  });
});
