// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): SIGUSR2 makes it say on standard error (`packages: JSON`)
// of which packages a module has been loaded.
import { registerHooks } from 'node:module';

const packages = new Set<string>();

registerHooks({
  load(url, context, nextLoad) {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
    if (name !== undefined) packages.add(name);
    return nextLoad(url, context);
  },
});

process.on('SIGUSR2', () => process.stderr.write(`packages: ${JSON.stringify([...packages].toSorted())}\n`));
