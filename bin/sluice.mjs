#!/usr/bin/env node
// The `sluice` command. Plain JavaScript, so that an old Node gets a clear message instead of a syntax error.

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(`sluice needs Node.js 24.12 or newer; this is ${process.versions.node} (${process.execPath})\n`);
  process.exit(1);
}

// Node does not strip types below node_modules: an installed package runs what `npm run build` made.
const installed = import.meta.url.includes('/node_modules/');
await import(installed ? '../dist/main.js' : '../src/main.ts');
