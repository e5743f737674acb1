// argv → verb, words and flags. Whatever is not understood is a usage error with a did-you-mean; nothing is ignored.
import { parseArgs } from 'node:util';
import { didYouMean } from '../schema/suggest.ts';
import { COMMON_FLAGS, FLAGS, type FlagName, type Flags, UsageError, type Verb } from './verb.ts';

/** What the command line asks for. `verb` is undefined for a bare `--help` or `--version`. */
export interface Invocation {
  readonly verb: Verb | undefined;
  readonly words: readonly string[];
  readonly flags: Flags;
}

/**
 * Reads the command line.
 *
 * @throws {UsageError} an unknown verb or flag, a flag without its value, a word too many or too few
 */
export function parseArguments(argv: readonly string[], verbs: readonly Verb[]): Invocation {
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const given = tokens.filter((token) => token.kind === 'option');
  const [name, ...rest] = words;
  const verb = name === undefined ? undefined : findVerb(name, verbs);
  const flags = readFlags(given, verb);
  if (flags.help || flags.version) return { verb, words: rest, flags };
  if (verb === undefined) throw new UsageError('say what to do');
  if (rest.length < verb.words) throw new UsageError(`"${verb.name}" needs ${verb.usage}`);
  if (rest.length > verb.words) throw new UsageError(`"${verb.name}" does not take "${rest[verb.words]}"`);
  return { verb, words: rest, flags };
}

function findVerb(name: string, verbs: readonly Verb[]): Verb {
  const verb = verbs.find((candidate) => candidate.name === name);
  if (verb !== undefined) return verb;
  throw new UsageError(
    `"${name}" is not a verb of sluice`,
    didYouMean(
      name,
      verbs.map((candidate) => candidate.name),
    ),
  );
}

interface Given {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
}

function readFlags(given: readonly Given[], verb: Verb | undefined): Flags {
  const allowed = new Set<string>([...COMMON_FLAGS, ...(verb?.flags ?? [])]);
  const flags = noFlags();
  for (const { name, rawName, value } of given) {
    if (!isFlag(name) || !allowed.has(name)) {
      const whose = verb === undefined ? 'sluice' : `"${verb.name}"`;
      const hint = didYouMean(name, [...allowed]);
      throw new UsageError(`${rawName} is not a flag of ${whose}`, hint?.replace('"', '"--'));
    }
    setFlag(flags, name, rawName, value);
  }
  return flags;
}

function setFlag(flags: Flags, name: FlagName, rawName: string, value: string | undefined): void {
  if (name === 'routes' || name === 'config' || name === 'tenant' || name === 'header') {
    if (value === undefined || value === '') throw new UsageError(`${rawName} needs a ${FLAGS[name].value}`);
    if (name === 'header') flags.header.push(value);
    else if (flags[name] !== undefined) throw new UsageError(`${rawName} is given twice`);
    else flags[name] = value;
  } else {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
    flags[name] = true;
  }
}

function noFlags(): Flags {
  return {
    routes: undefined,
    config: undefined,
    tenant: undefined,
    header: [],
    json: false,
    help: false,
    version: false,
    strict: false,
  };
}

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name);
}

const OPTIONS = Object.fromEntries(
  Object.entries(FLAGS).map(([name, flag]) => [
    name,
    {
      type: 'value' in flag ? ('string' as const) : ('boolean' as const),
      ...('short' in flag ? { short: flag.short } : {}),
    },
  ]),
);
