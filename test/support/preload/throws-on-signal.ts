// Preloaded into a gateway: a bug that no request and no module is at fault for.
process.on('SIGUSR2', () => {
  throw new Error('thrown on a signal');
});
