// What `--help` shows: the verbs, or one verb with its flags.
import { COMMON_FLAGS, FLAGS, type Verb } from './verb.ts';

/** The overview: every verb with its summary, then the flags that all of them take. */
export function overview(verbs: readonly Verb[]): string {
  const calls = verbs.map((verb) => [`sluice ${verb.name} ${verb.usage}`.trimEnd(), verb.summary] as const);
  return `Sluice, a config-driven API gateway.\n\n${columns(calls)}\n\n${flagLines(COMMON_FLAGS)}\n`;
}

/** One verb: how it is called, what it does, its flags. */
export function verbHelp(verb: Verb): string {
  const call = `sluice ${verb.name} ${verb.usage}`.trimEnd();
  return `${call}\n\n${verb.summary}\n\n${flagLines([...verb.flags, ...COMMON_FLAGS])}\n`;
}

function flagLines(names: Verb['flags']): string {
  return columns(
    names.map((name) => {
      const flag = FLAGS[name];
      const short = 'short' in flag ? `-${flag.short}, ` : '';
      const value = 'value' in flag ? ` ${flag.value}` : '';
      return [`${short}--${name}${value}`, flag.doc];
    }),
  );
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}
