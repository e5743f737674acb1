// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): each SIGUSR2 sets its wall clock an hour ahead.
const HOUR_MS = 3_600_000;
const now = Date.now.bind(Date);
let aheadMs = 0;

Date.now = () => now() + aheadMs;
process.on('SIGUSR2', () => {
  aheadMs += HOUR_MS;
});
