// One run of the command: parse, dispatch, turn usage errors into exit code 2.
import { VERSION } from '../version.ts';
import { parseArguments } from './arguments.ts';
import { overview, verbHelp } from './help.ts';
import { type Terminal, UsageError } from './verb.ts';
import { verbs } from './verbs.ts';

/** Runs a command line and resolves to its exit code. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const { verb, words, flags } = parseArguments(argv, verbs);
    if (flags.version) {
      terminal.out(`${VERSION}\n`);
      return 0;
    }
    if (flags.help || verb === undefined) {
      terminal.out(verb === undefined ? overview(verbs) : verbHelp(verb));
      return 0;
    }
    return await verb.run(words, flags, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const hint = error.hint === undefined ? '' : `; ${error.hint}`;
    terminal.err(`sluice: ${error.message}${hint}\nTry "sluice --help".\n`);
    return 2;
  }
}
