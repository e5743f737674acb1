// What of a setting may be shown: the same in `sluice explain` and in the admin API.
import { SECRET_SETTINGS } from '../../integration/credentials/settings.ts';
import type { LeafSetting } from '../../schema/node.ts';
import { textSourceOf } from '../../schema/text.ts';
import { isSecretName, REDACTED } from '../../telemetry/secrets.ts';
import { secretLiterals } from '../check/secret-literals.ts';

/** Settings below which a user's own names stand: of headers and of query parameters. */
const NAMED_BY_USERS = new Set(['headers', 'query']);
/** Settings below which the secrets of accounts with third parties stand. */
const ACCOUNTS = new Set(['auth', 'credentials']);

/**
 * A value as written, unless it is a secret: one that came out of a reference, a tenant's key, a private key, what proves to a
 * third party who we are, or what stands under a name that promises one; of the options of a module, those are left out.
 *
 * @param path names from the entry of the file down to the value: `headers`, `request`, `set`, `authorization`
 */
export function shownText(leaf: LeafSetting, path: readonly string[]): string {
  const { secret, text } = leaf;
  if (secret || path.includes('keys') || isOfAccount(path) || isNamedSecret(path) || PRIVATE_KEY.test(text))
    return REDACTED;
  if (textSourceOf(leaf) !== undefined) return withoutLiterals(text);
  return /^[[{]/.test(text) ? withoutNamedSecrets(text) : text;
}

/** A mapping or an XML template is shown but for the secrets that were written into it. */
function withoutLiterals(text: string): string {
  let shown = '';
  let at = 0;
  for (const { start, end } of secretLiterals(text)) {
    if (start < at) continue;
    shown += text.slice(at, start) + REDACTED;
    at = end;
  }
  return shown + text.slice(at);
}

const PRIVATE_KEY = /-----BEGIN[^-]*PRIVATE KEY/;

function isOfAccount(path: readonly string[]): boolean {
  return SECRET_SETTINGS.has(path.at(-1) ?? '') && path.some((name) => ACCOUNTS.has(name));
}

function isNamedSecret(path: readonly string[]): boolean {
  return path.some((name) => NAMED_BY_USERS.has(name)) && isSecretName(path.at(-1) ?? '');
}

/** A JSON value is one setting as a whole. In a schema, a property of such a name is described by a map, and shown. */
function withoutNamedSecrets(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text, withoutSecret));
  } catch {
    return text;
  }
}

function withoutSecret(name: string, value: unknown): unknown {
  return (typeof value === 'string' || Array.isArray(value)) && isSecretName(name) ? REDACTED : value;
}
