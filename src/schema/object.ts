// A map with known keys. An unknown key is a finding: a typo never silently disables a setting.

import { reportMismatch } from './mismatch.ts';
import type { MapNode, MapSetting, Node } from './node.ts';
import type { Infer, JsonSchema, Report, Schema, Setting } from './schema.ts';
import * as settings from './settings.ts';
import { didYouMean } from './suggest.ts';

type Fields = { readonly [name: string]: Schema<unknown> };

interface ObjectOptions {
  readonly doc: string;
  /** What it is, for messages: with `route`, `"retires" is not a route setting`. */
  readonly name?: string;
  /** Names that a later version will know; still unknown keys, but the finding says so. */
  readonly reserved?: readonly string[];
}

type Decoded<F extends Fields> = { readonly [Name in keyof F]: Infer<F[Name]> };

const UNNAMED: ObjectOptions = { doc: 'Settings' };

/** A map with known keys. A field with no default that is not optional must be given. */
export function object<F extends Fields>(fields: F, options: ObjectOptions = UNNAMED): Schema<Decoded<F>> {
  const shape = new Shape(fields, options);
  return {
    doc: options.doc,
    expected: shape.expected,
    required: shape.required,
    normalise: (node, report) => shape.normalise(node, report),
    complete: (setting, report) => shape.complete(setting, report),
    // Every field is decoded by its own schema, which is what Decoded says.
    decode: (setting) => shape.decode(setting) as Decoded<F>,
    defaults: () => shape.initial,
    json: () => shape.json(),
  };
}

class Shape {
  readonly expected: string;
  readonly required: boolean;
  readonly initial: MapSetting | undefined;
  readonly #options: ObjectOptions;
  readonly #fields: ReadonlyMap<string, Schema<unknown>>;
  readonly #requiredNames: readonly string[];
  readonly #reserved: ReadonlySet<string>;

  constructor(fields: Fields, options: ObjectOptions) {
    this.#options = options;
    this.#fields = new Map(Object.entries(fields));
    this.#requiredNames = [...this.#fields].filter(([, field]) => field.required).map(([name]) => name);
    this.required = this.#requiredNames.length > 0;
    this.expected = options.name === undefined ? 'a map' : `a map of ${options.name} settings`;
    this.#reserved = new Set(options.reserved);
    this.initial = this.required ? undefined : settings.map(this.#fieldDefaults(), 'default');
  }

  #fieldDefaults(): [string, Setting][] {
    return [...this.#fields].flatMap(([name, field]) => {
      const initial = field.defaults();
      return initial === undefined ? [] : [[name, initial]];
    });
  }

  normalise(node: Node, report: Report): Setting | undefined {
    if (node.kind !== 'map') return reportMismatch(node, this.expected, report);
    const entries = new Map<string, Setting>();
    for (const entry of node.entries) {
      const field = this.#fields.get(entry.key);
      if (field === undefined) {
        report.add(entry.keyAt, 'unknown-key', this.#unknown(entry.key), this.#unknownHint(entry.key));
        continue;
      }
      const setting = field.normalise(entry.value, report);
      if (setting !== undefined) entries.set(entry.key, setting);
    }
    if (this.required) this.#reportMissing(new Set(node.entries.map((entry) => entry.key)), node, report);
    return { kind: 'map', entries, at: node.at };
  }

  #unknown(key: string): string {
    const { name } = this.#options;
    if (name === undefined) return `"${key}" is not a setting here`;
    return `"${key}" is not ${article(name)} ${name} setting`;
  }

  #unknownHint(key: string): string | undefined {
    if (this.#reserved.has(key)) return 'reserved for a later version of Sluice';
    return didYouMean(key, this.#fields.keys()) ?? knownKeys(this.#fields);
  }

  #reportMissing(given: ReadonlySet<string>, node: MapNode | MapSetting, report: Report): void {
    // Nothing built in lacks anything: an object with required fields has no defaults.
    if (node.at === 'default') return;
    for (const name of this.#requiredNames) {
      if (given.has(name)) continue;
      const subject =
        this.#options.name === undefined ? '' : `${article(this.#options.name)} ${this.#options.name} needs `;
      const expected = this.#fields.get(name)?.expected ?? '';
      const message = subject === '' ? `"${name}" is missing` : `${subject}"${name}"`;
      report.add(node.at, 'missing-key', message, `${name}: ${expected}`);
    }
  }

  complete(setting: Setting | undefined, report: Report): Setting | undefined {
    if (setting?.kind !== 'map') return setting ?? this.initial;
    const entries = new Map<string, Setting>();
    let changed = false;
    for (const [name, field] of this.#fields) {
      const given = setting.entries.get(name);
      const value = field.complete(given, report);
      if (value !== undefined) entries.set(name, value);
      changed ||= value !== given;
    }
    if (this.required) this.#reportMissing(new Set(setting.entries.keys()), setting, report);
    return changed || !sameOrder(entries, setting.entries) ? { kind: 'map', entries, at: setting.at } : setting;
  }

  decode(setting: Setting | undefined): object {
    const entries = setting?.kind === 'map' ? setting.entries : undefined;
    const decoded: Record<string, unknown> = {};
    for (const [name, field] of this.#fields) decoded[name] = field.decode(entries?.get(name));
    return decoded;
  }

  json(): JsonSchema {
    const properties = Object.fromEntries([...this.#fields].map(([name, field]) => [name, field.json()]));
    return {
      type: 'object',
      description: this.#options.doc,
      properties,
      ...(this.required && { required: this.#requiredNames }),
      additionalProperties: false,
    };
  }
}

/** What is shown is shown in the order of the schema. */
function sameOrder(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  const names = b.keys();
  for (const name of a.keys()) if (names.next().value !== name) return false;
  return true;
}

const FEW = 8;

function knownKeys(fields: ReadonlyMap<string, unknown>): string | undefined {
  return fields.size > 0 && fields.size <= FEW ? `known here: ${[...fields.keys()].join(', ')}` : undefined;
}

function article(noun: string): string {
  return /^[aeiou]/i.test(noun) ? 'an' : 'a';
}
