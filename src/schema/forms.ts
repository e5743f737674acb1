// Other ways to write, or not to write, a setting: optional, `none`, a short form, a part of it.
import { isNothing, reportMismatch } from './mismatch.ts';
import type { JsonSchema, Report, Schema, Setting } from './schema.ts';
import * as settings from './settings.ts';

/** May be left out; then it is undefined, even when the schema inside has a default. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return {
    doc: schema.doc,
    expected: schema.expected,
    required: false,
    normalise: (node, report) => schema.normalise(node, report),
    complete: (setting, report) => (setting === undefined ? undefined : schema.complete(setting, report)),
    decode: (setting) => (setting === undefined ? undefined : schema.decode(setting)),
    defaults: () => undefined,
    json: () => schema.json(),
  };
}

/** The same settings under another line of documentation: what they are where they stand. */
export function described<T>(schema: Schema<T>, doc: string): Schema<T> {
  return { ...schema, doc, json: () => ({ ...schema.json(), description: doc }) };
}

/**
 * The same settings where many have one value between them, such as that of `defaults`: it is completed and decoded once, and what
 * comes of it is theirs together.
 */
export function shared<T>(schema: Schema<T>): Schema<T> {
  const completed = new WeakMap<Setting, Setting | undefined>();
  const decoded = new WeakMap<Setting, { readonly value: T }>();
  return {
    ...schema,
    complete(setting, report) {
      if (setting === undefined) return schema.complete(setting, report);
      if (completed.has(setting)) return completed.get(setting);
      let sound = true;
      const made = schema.complete(setting, {
        add(...finding) {
          sound = false;
          report.add(...finding);
        },
      });
      // Where something is missing, each of them says so.
      if (sound) completed.set(setting, made);
      return made;
    },
    decode(setting) {
      if (setting === undefined) return schema.decode(setting);
      let made = decoded.get(setting);
      if (made === undefined) {
        made = { value: schema.decode(setting) };
        decoded.set(setting, made);
      }
      return made.value;
    },
  };
}

const OFF = 'none';

/** The word `none` switches it off (null). With `default: 'none'` it is off unless given. */
export function off<T>(schema: Schema<T>, options: { readonly default?: typeof OFF } = {}): Schema<T | null> {
  const expected = `${schema.expected}, or ${OFF}`;
  const initial = options.default === undefined ? schema.defaults() : settings.leaf(null, OFF, 'default');
  return {
    doc: schema.doc,
    expected,
    required: initial === undefined && schema.required,
    normalise(node, report) {
      if (node.kind === 'scalar' && node.text === OFF) return settings.leaf(null, OFF, node.at, node.secret);
      if (!isNothing(node)) return schema.normalise(node, report);
      report.add(node.at, 'no-value', `there is no value here: expected ${expected}`, `\`${OFF}\` switches it off`);
      return undefined;
    },
    complete: (setting, report) => (isOff(setting) ? setting : setting && schema.complete(setting, report)) ?? initial,
    decode(setting) {
      const given = setting ?? initial;
      return isOff(given) ? null : schema.decode(given);
    },
    defaults: () => initial,
    json: () => ({
      description: schema.doc,
      anyOf: [{ const: OFF }, schema.json()],
      ...(options.default && { default: OFF }),
    }),
  };
}

function isOff(setting: Setting | undefined): boolean {
  return setting?.kind === 'leaf' && setting.value === null;
}

/** Turns a short form, already read by its own schema, into the long one; undefined after reporting why it cannot. */
export type Lengthen = (short: Setting, report: Report) => Setting | undefined;

/**
 * A short form beside a long one (a map): a value of `shortForm` stands for `{ [field]: value }`, or for what `field` makes
 * of it. Everything downstream sees the long form.
 */
export function short<T>(longForm: Schema<T>, shortForm: Schema<unknown>, field: string | Lengthen): Schema<T> {
  const lengthen = typeof field === 'string' ? fieldOf(field) : field;
  const expected = `${shortForm.expected}, or ${longForm.expected}`;
  return {
    ...longForm,
    expected,
    normalise(node, report) {
      if (node.kind === 'map') return longForm.normalise(node, report);
      if (isNothing(node)) return reportMismatch(node, expected, report);
      const setting = shortForm.normalise(node, report);
      return setting && lengthen(setting, report);
    },
    json: () => ({ description: longForm.doc, anyOf: [shortForm.json(), longForm.json()] }),
  };
}

function fieldOf(name: string): Lengthen {
  return (setting) => settings.map([[name, setting]], setting.at);
}

/**
 * The same settings with required fields allowed to be missing: one layer of several (`defaults`, an upstream, a route) that
 * are merged. Check the merged result with `complete`.
 */
export function partial<T>(schema: Schema<T>): Schema<T> {
  return {
    ...schema,
    required: false,
    normalise(node, report) {
      return schema.normalise(node, {
        add(at, code, message, hint, severity) {
          if (code !== 'missing-key') report.add(at, code, message, hint, severity);
        },
      });
    },
    json: () => withoutRequired(schema.json()),
  };
}

/** The same JSON Schema with nothing required, however deep: it only walks where schemas stand, so that no default is touched. */
function withoutRequired(json: JsonSchema): JsonSchema {
  return Object.fromEntries(
    Object.entries(json).flatMap(([keyword, value]) => {
      if (keyword === 'required') return [];
      if (keyword === 'properties' && isJsonSchema(value)) return [[keyword, mapValues(value, loosened)]];
      if (keyword === 'anyOf' && Array.isArray(value)) return [[keyword, value.map(loosened)]];
      return [[keyword, keyword === 'items' || keyword === 'additionalProperties' ? loosened(value) : value]];
    }),
  );
}

function loosened(value: unknown): unknown {
  return isJsonSchema(value) ? withoutRequired(value) : value;
}

function mapValues(record: JsonSchema, change: (value: unknown) => unknown): JsonSchema {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function isJsonSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
