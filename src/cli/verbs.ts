// The verbs, in the order `--help` shows them.
import { check } from './check.ts';
import { explain } from './explain.ts';
import { keys } from './keys.ts';
import { route } from './route.ts';
import { schema } from './schema.ts';
import { DEFAULT_ROUTES, type Verb } from './verb.ts';

const serve: Verb = {
  name: 'serve',
  usage: '',
  summary: 'run the gateway',
  flags: [],
  words: 0,
  async run(_words, flags, terminal) {
    // The data plane is loaded by the one verb that needs it.
    const { serve: start } = await import('./serve.ts');
    return start({ routesFile: flags.routes ?? DEFAULT_ROUTES, configFile: flags.config, json: flags.json, terminal });
  },
};

export const verbs: readonly Verb[] = [serve, check, route, explain, schema, keys];
