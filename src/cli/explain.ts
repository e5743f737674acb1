// `sluice explain ROUTE`: every effective value of a route and where it comes from.
import { explainRoute, explanationText } from '../config/explain/explain-route.ts';
import { didYouMean } from '../schema/suggest.ts';
import { openRoutes, tenantOf } from './open.ts';
import { UsageError, type Verb } from './verb.ts';

export const explain: Verb = {
  name: 'explain',
  usage: 'ROUTE [--tenant T]',
  summary: 'every effective value and where it comes from (file:line)',
  flags: ['tenant'],
  words: 1,
  async run([name = ''], flags, terminal) {
    const config = await openRoutes(flags, terminal);
    if (config === undefined) return 1;
    const route = config.routes.get(name);
    if (route === undefined)
      throw new UsageError(`there is no route "${name}"`, didYouMean(name, config.routes.keys()));
    const explanation = explainRoute(config, route, tenantOf(flags, config));
    terminal.out(flags.json ? `${JSON.stringify(explanation, undefined, 2)}\n` : explanationText(explanation));
    return 0;
  },
};
