// `sluice schema`: the JSON Schema of routes.yaml, for editors.
import { toJsonSchema } from '../config/format/json-schema.ts';
import { routesFile } from '../config/format/routes-file.ts';
import type { Verb } from './verb.ts';

export const schema: Verb = {
  name: 'schema',
  usage: '',
  summary: 'the JSON Schema of routes.yaml',
  flags: [],
  words: 0,
  async run(_words, _flags, terminal) {
    terminal.out(`${JSON.stringify(toJsonSchema(routesFile), undefined, 2)}\n`);
    return 0;
  },
};
