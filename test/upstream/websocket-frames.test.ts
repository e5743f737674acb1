import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { closeFrame, FrameTracker } from '../../src/upstream/websocket-frames.ts';
import { frame } from '../support/websocket.ts';

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;

suite('frames of a WebSocket', () => {
  const frames = [
    frame(TEXT, 'x'),
    frame(PING, ''),
    frame(TEXT, 'y'.repeat(125), { final: false }),
    frame(0x0, 'z'.repeat(126)),
    frame(TEXT, Buffer.alloc(65_536, 1)),
  ];
  const bytes = Buffer.concat(frames);
  const ends = frames.map((_, i) => Buffer.concat(frames.slice(0, i + 1)).length);

  test('are told apart wherever the bytes are cut', () => {
    for (const size of [1, 2, 3, 7, 125, 1_000, bytes.length]) {
      const tracker = new FrameTracker();
      for (let at = 0; at < bytes.length; at += size) {
        tracker.pass(bytes.subarray(at, at + size));
        const stands = Math.min(at + size, bytes.length);
        assert.equal(tracker.atBoundary, ends.includes(stands), `in pieces of ${size}, after ${stands} bytes`);
      }
    }
  });

  test('are followed to the end of the one under way, and no further', () => {
    for (const [i, end] of ends.entries()) {
      const begun = end - (frames[i]?.length ?? 0) + 1;
      const tracker = new FrameTracker();
      tracker.pass(bytes.subarray(0, begun));
      assert.equal(begun + tracker.passFrame(bytes.subarray(begun)), end);
      assert.equal(tracker.passFrame(bytes.subarray(end)), 0);
    }
  });

  test('may be masked, and as long as 2^63', () => {
    const tracker = new FrameTracker();
    tracker.pass(Buffer.from([0x81, 0x82, 1, 2, 3, 4, 5, 6]));
    assert.equal(tracker.atBoundary, true);
    tracker.pass(Buffer.from([0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    tracker.pass(Buffer.alloc(100_000));
    assert.equal(tracker.atBoundary, false);
  });

  test('end with a close frame that has come whole', () => {
    const tracker = new FrameTracker();
    const close = frame(CLOSE, Buffer.from([0x03, 0xe8, 0x6f, 0x6b]));
    tracker.pass(Buffer.concat([frame(PING, 'p'), close.subarray(0, -1)]));
    assert.equal(tracker.closed, false);
    tracker.pass(close.subarray(-1));
    assert.equal(tracker.closed, true);
    const empty = new FrameTracker();
    empty.pass(frame(CLOSE, ''));
    assert.equal(empty.closed, true);
  });

  test('of our own say why in at most 125 bytes', () => {
    assert.deepEqual(closeFrame(1001, 'bye'), Buffer.from([0x88, 5, 0x03, 0xe9, 0x62, 0x79, 0x65]));
    assert.equal(closeFrame(1008, 'x'.repeat(500)).length, 127);
  });
});
