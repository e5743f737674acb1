// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): its threads end before they have done anything, as for want
// of memory, until SIGUSR2.
let failing = true;

process.on('worker', (worker) => {
  if (failing) void worker.terminate();
});
process.on('SIGUSR2', () => {
  failing = false;
});
