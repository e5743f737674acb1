// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): SIGUSR2 makes every turn of its event loop take most of a
// second, another one ends that.
const TURN_MS = 800;
const idle = new Int32Array(new SharedArrayBuffer(4));
let blocking = false;

function block(): void {
  if (!blocking) return;
  Atomics.wait(idle, 0, 0, TURN_MS);
  setImmediate(block);
}

process.on('SIGUSR2', () => {
  blocking = !blocking;
  setImmediate(block);
});
