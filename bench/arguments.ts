// argv → what is measured. Whatever is not understood is refused, with what was probably meant.
import { parseArgs } from 'node:util';
import { didYouMean } from '../src/schema/suggest.ts';

const OPTIONS = {
  scenario: { type: 'string', short: 's' },
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  profile: { type: 'boolean', default: false },
  compare: { type: 'string' },
  'install-peers': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const HELP = `npm run bench [-- FLAGS]     measures Sluice beside other proxies, on this machine

  --scenario a,b     only these, of: SCENARIOS
  --quick            one round of a second: whether it works; nothing is written
  --rounds N         rounds of every contender (10)
  --seconds N        length of a round, whole seconds (1)
  --json             the results as JSON on stdout, the tables on stderr (npm run --silent bench -- --json)
  --profile          where Sluice's time goes, by stage and by function; into bench/results/profiles
  --compare REV      Sluice as it is here against Sluice at a revision of git
  --install-peers    install nginx, HAProxy, Caddy and wrk from Debian; measures nothing
  --help

Results go to bench/results, and from there into README.md and docs/performance.md.`;

const ROUNDS = 10;
const WARM_UP_SECONDS = 2;

export class UsageError extends Error {}

export interface Arguments {
  /** In the order of their names. */
  readonly scenarios: readonly string[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly profile: boolean;
  /** A revision of git. */
  readonly compare: string | undefined;
  readonly installPeers: boolean;
  readonly help: boolean;
}

/**
 * Reads the command line.
 *
 * @throws {UsageError} an unknown flag or scenario, a count that is none, flags that exclude each other
 */
export function parseArguments(argv: readonly string[], scenarios: readonly string[]): Arguments {
  const values = parse(argv);
  if (values.quick && (values.rounds !== undefined || values.seconds !== undefined)) {
    throw new UsageError('--quick is one round of one second: leave out --rounds and --seconds, or --quick');
  }
  if (values.profile && values.compare !== undefined) {
    throw new UsageError('--profile and --compare measure different things: give one of them');
  }
  return {
    scenarios: values.scenario === undefined ? scenarios : chosen(values.scenario, scenarios),
    quick: values.quick,
    json: values.json,
    rounds: values.quick ? 1 : count('--rounds', values.rounds, ROUNDS),
    seconds: values.quick ? 1 : count('--seconds', values.seconds, 1),
    warmUpSeconds: values.quick ? 1 : WARM_UP_SECONDS,
    profile: values.profile,
    compare: values.compare,
    installPeers: values['install-peers'],
    help: values.help,
  };
}

function parse(argv: readonly string[]) {
  const { tokens } = parseArgs({ args: [...argv], options: OPTIONS, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(OPTIONS, token.name)) {
      const names = Object.keys(OPTIONS).map((name) => `--${name}`);
      throw new UsageError(
        [`${token.rawName} is not a flag`, didYouMean(token.rawName, names)].filter(Boolean).join('; '),
      );
    }
  }
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function chosen(given: string, scenarios: readonly string[]): readonly string[] {
  const wanted = new Set(given.split(',').map((name) => name.trim()));
  for (const name of wanted) {
    if (scenarios.includes(name)) continue;
    const hint = didYouMean(name, [...scenarios]) ?? `there are: ${scenarios.join(', ')}`;
    throw new UsageError(`--scenario: "${name}" is not a scenario; ${hint}`);
  }
  return scenarios.filter((name) => wanted.has(name));
}

function count(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`${flag}: "${text}" is not a whole number from 1 on`);
}
