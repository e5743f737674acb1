// Settings of `hmac`: HTTP Message Signatures (RFC 9421) with a shared secret.
import * as s from '../../schema/schema.ts';
import { didYouMean } from '../../schema/suggest.ts';
import { unquoted } from './unquoted.ts';
import { empty, visibleText } from './wire-text.ts';

/** RFC 9421 §2.2, but those of answers and the ones with parameters. */
const DERIVED = ['@method', '@target-uri', '@authority', '@scheme', '@request-target', '@path', '@query'] as const;

const HEADER = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const CONNECTION =
  /^(?:connection|expect|keep-alive|proxy-.*|signature(?:-input)?|te|trailer|transfer-encoding|upgrade)$/;

const component = s.custom({
  doc: 'The name of a header, or a part of the request such as "@path"',
  expected: 'the name of a header, or a part of the request such as "@path"',
  parse: parseComponent,
  json: { type: 'string', examples: [...DERIVED, 'content-type'] },
});

function parseComponent(text: string): string | s.Refusal {
  const name = text.toLowerCase();
  if (name.startsWith('@')) {
    if (DERIVED.some((each) => each === name)) return name;
    return {
      error: `"${text}" is no part of a request`,
      hint: didYouMean(name, DERIVED) ?? `known: ${DERIVED.join(', ')}`,
    };
  }
  if (name === 'host') return { error: 'the host is signed as a part of the request', hint: 'write "@authority"' };
  if (!HEADER.test(name)) return { error: `"${text}" is not the name of a header` };
  return CONNECTION.test(name) ? { error: `${name} is not known when the request is signed` } : name;
}

const components = s.optional(
  unrepeated(
    s.list(component, {
      doc: 'What is signed, of what the request has; "@method", "@target-uri" unless given',
      min: 1,
    }),
  ),
);

const BASE64 = 'base64:';

/** The secret of a setting: its bytes in base64 behind `base64:`, else the text itself. */
export function secretBytes(text: string): Buffer {
  return text.startsWith(BASE64) ? Buffer.from(text.slice(BASE64.length), 'base64') : Buffer.from(text);
}

function parseSecret(text: string): string | s.Refusal {
  if (text === '') return empty('the secret');
  if (!text.startsWith(BASE64)) return text;
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.slice(BASE64.length));
  if (isBase64 && text.length > BASE64.length) return text;
  return { error: 'what follows "base64:" is not base64', hint: 'a secret that is text has no "base64:" before it' };
}

const hmac = s.object(
  {
    key_id: visibleText('Which secret it is', 'a key id'),
    secret: s.custom({
      doc: 'The shared secret: text, or base64: and its bytes',
      expected: 'a shared secret',
      parse: parseSecret,
      json: { type: 'string' },
    }),
    headers: components,
    digest: s.off(
      s.choice(['sha-256', 'sha-512'], {
        doc: 'Adds a Content-Digest (RFC 9530) to a request that has a body, and signs it',
        default: 'sha-256',
      }),
    ),
  },
  { doc: 'A signature of each request (RFC 9421, hmac-sha256)', name: 'hmac' },
);

export type SignatureSettings = s.Infer<typeof hmac>;

export const signature: s.Schema<SignatureSettings> = unquoted(digestSigned(hmac));

/** Once each (RFC 9421 §2.5). */
function unrepeated(list: s.Schema<readonly string[]>): s.Schema<readonly string[]> {
  return {
    ...list,
    normalise(node, report) {
      const setting = list.normalise(node, report);
      if (setting?.kind !== 'list' || node.kind !== 'list') return setting;
      const seen = new Set<string>();
      for (const item of node.items) {
        const name = item.kind === 'scalar' ? item.text.toLowerCase() : '';
        if (seen.has(name)) report.add(item.at, 'repeated', `"${name}" is signed twice`, 'leave one out');
        seen.add(name);
      }
      return setting;
    },
  };
}

const DIGEST = 'content-digest';

function digestSigned(schema: s.Schema<SignatureSettings>): s.Schema<SignatureSettings> {
  return {
    ...schema,
    normalise(node, report) {
      const setting = schema.normalise(node, report);
      if (setting?.kind !== 'map' || node.kind !== 'map') return setting;
      const digest = setting.entries.get('digest');
      const headers = setting.entries.get('headers');
      if (digest?.kind !== 'leaf' || digest.value !== null || headers?.kind !== 'list') return setting;
      const listed = headers.items.find((item) => item.kind === 'leaf' && item.value === DIGEST);
      if (listed !== undefined && listed.at !== 'default') {
        report.add(
          listed.at,
          'no-digest',
          `${DIGEST} is to be signed, and digest: none leaves it out`,
          'take one of the two away',
        );
      }
      return setting;
    },
  };
}
