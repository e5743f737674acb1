import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutComments } from '../../../src/config/read/comments.ts';

test('comments are spaces, and all else stays where it is, whatever the line ends and the mark of the byte order', () => {
  assert.equal(
    withoutComments('# one\na: 1 # two\nb: [x, # three\n  y]\n---\n# four'),
    '     \na: 1      \nb: [x,        \n  y]\n---\n      ',
  );
  const text = '\uFEFFa: |\r\n  # text\r\n# one\r\nb: 2 # two\r\n';
  const bare = withoutComments(text);
  assert.equal(bare.length, text.length);
  assert.match(bare, /^\uFEFFa: \|\r\n {2}# text\r\n\s+b: 2\s+$/);
});

test('a # that begins no comment is none, and broken text is as the parser reads it', () => {
  for (const text of [
    'a: b#c',
    'a: "b # c"',
    "a: 'it''s # c'",
    'a: "b\n  # c"',
    'a: |\n  # b\n  c',
    'a:\n  - >-\n    # b',
    'a: "never closed\nb: c # d',
    'a: [never, "closed\nb: c # d',
  ]) {
    assert.equal(withoutComments(text), text);
  }
  assert.equal(withoutComments('a: [{ never, closed # b\n'), 'a: [{ never, closed    \n');
});

test('a text with characters that YAML does not have stays as it is', () => {
  for (const mark of ['\u0002', '\u0018', '\u001F']) assert.equal(withoutComments(`a: ${mark} # b`), `a: ${mark} # b`);
});
