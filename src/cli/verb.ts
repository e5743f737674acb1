// What a verb of the command line is, and the flags there are. One file per verb; `verbs.ts` lists them.

/** Every flag of every verb. `value` names what it takes; a flag without takes none. */
export const FLAGS = {
  routes: { value: 'FILE', doc: 'the routes file (default: routes.yaml)' },
  config: { value: 'FILE', doc: 'the process settings (default: config/gateway.yaml, which may be missing)' },
  json: { doc: 'answer in JSON' },
  help: { short: 'h', doc: 'show this help' },
  version: { doc: 'show the version' },
  strict: { doc: 'warnings fail the check, too' },
  tenant: { value: 'TENANT', doc: 'as this tenant sees it' },
  header: { short: 'H', value: 'NAME:VALUE', doc: 'a header of the request; may be repeated' },
} as const satisfies Record<string, { value?: string; short?: string; doc: string }>;

export type FlagName = keyof typeof FLAGS;

/** Flags as given: absent ones are undefined, `header` is a list. */
export interface Flags {
  routes: string | undefined;
  config: string | undefined;
  tenant: string | undefined;
  header: string[];
  json: boolean;
  help: boolean;
  version: boolean;
  strict: boolean;
}

/** Where a verb writes and what it knows of its surroundings; the process in production, buffers in a test. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The answer itself: standard output. */
  out(text: string): void;
  /** Messages about the command: standard error. */
  err(text: string): void;
  /** Whether both are a terminal that shows colours. */
  readonly colour: boolean;
}

/** A verb of the command line. */
export interface Verb {
  readonly name: string;
  /** What follows the name: `METHOD URL [--tenant T]`. */
  readonly usage: string;
  readonly summary: string;
  /** Flags beyond the ones that every verb takes. */
  readonly flags: readonly FlagName[];
  /** How many words must follow the name. */
  readonly words: number;
  /** Resolves to the exit code: 0 fine, 1 error findings, 2 usage. */
  run(words: readonly string[], flags: Flags, terminal: Terminal): Promise<number>;
}

/** Flags that every verb takes. */
export const COMMON_FLAGS: readonly FlagName[] = ['routes', 'config', 'json', 'help', 'version'];

/** The words do not say what to do: exit 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** The routes file when `--routes` is not given. */
export const DEFAULT_ROUTES = 'routes.yaml';
