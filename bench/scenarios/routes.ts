import { githubOperations } from '../../test/support/openapi.ts';
import { http } from '../loads/http.ts';
import type { Comparison, Contender } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, ITEM, type SluiceFiles } from '../sluice-files.ts';

const connections = 64;
const operations = githubOperations();
const loaded = operations.find(({ id }) => id === 'issues/get');
if (loaded === undefined) throw new Error('the description has no operation issues/get');

const asRoutes = (given: typeof operations): Record<string, { match: string }> =>
  Object.fromEntries(given.map(({ id, method, path }) => [id.replaceAll('/', '-'), { match: `${method} ${path}` }]));

const generated = (name: string, otherRoutes: number): Contender =>
  contender(name, fullChain({ otherRoutes }), ITEM.path);
const ofGithub = (name: string, given: typeof operations): Contender =>
  contender(name, fullChain({ described: asRoutes(given) }), loaded.samplePath);

function contender(name: string, files: SluiceFiles, path: string): Contender {
  return { name, start: sluice(files), load: http({ ...ITEM, path }, { connections }), ours: true };
}

/** Beside those that the full chain always has. */
const few = generated('10 routes', 5);
const many = generated('10,000 routes', 9_995);
const one = ofGithub('one operation of GitHub’s API', [loaded]);
const all = ofGithub(`all ${operations.length.toLocaleString('en')} of them`, operations);

export default {
  kind: 'comparison',
  name: 'routes',
  title: 'the same request to ten routes and to thousands, generated and of GitHub’s API',
  unit: 'request',
  contenders: [few, generated('1,000 routes', 995), many, one, all],
  goals: [
    { subject: many.name, against: few.name, measure: 'cpu', atMost: 1.03 },
    { subject: all.name, against: one.name, measure: 'cpu', atMost: 1.03 },
  ],
  absent: [],
} satisfies Comparison;
