// Settings of `oauth2`: client credentials (RFC 6749 §4.4).
import * as s from '../../schema/schema.ts';
import { unquoted } from './unquoted.ts';
import { empty, visibleText } from './wire-text.ts';

/** Where tokens are. */
export interface TokenUrl {
  readonly origin: string;
  /** With its query, which RFC 6749 §3.2 allows. */
  readonly path: string;
}

const URL_EXPECTED = 'an http or https URL such as https://id.example.com/token';

function parseTokenUrl(text: string): TokenUrl | s.Refusal {
  if (text === '') return empty('the URL');
  // Not quoted: what was meant for another setting may stand here.
  if (!/^https?:\/\//i.test(text)) return { error: `this is not ${URL_EXPECTED}`, hint: 'start with https://' };
  if (!URL.canParse(text)) return { error: `this is not ${URL_EXPECTED}` };
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    return { error: 'a token_url has no credentials in it', hint: 'they are `client_id` and `client_secret`' };
  }
  if (text.includes('#')) return { error: 'a token_url has no fragment', hint: 'leave out "#" and what follows' };
  return { origin: url.origin, path: url.pathname + url.search };
}

/** RFC 6749 §3.3. */
const SCOPE = /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/;

export const oauth2 = unquoted(
  s.object(
    {
      token_url: s.custom({
        doc: 'Where tokens are',
        expected: URL_EXPECTED,
        parse: parseTokenUrl,
        json: { type: 'string', examples: ['https://id.example.com/token'] },
      }),
      client_id: visibleText('Who we are', 'a client id'),
      client_secret: visibleText('Our secret', 'a client secret'),
      scope: s.optional(
        s.custom({
          doc: 'What the token is to allow; several with a blank between them',
          expected: 'scopes with a blank between them',
          parse: (text) => (SCOPE.test(text) ? text : { error: 'these are not scopes with one blank between them' }),
          json: { type: 'string' },
        }),
      ),
      audience: s.optional(visibleText('Who the token is for, where the provider wants it named', 'an audience')),
      client_auth: s.choice(['basic', 'post'], {
        doc: 'How the id and the secret are sent: as Authorization: Basic, or in the body',
        default: 'basic',
      }),
    },
    { doc: 'A token of OAuth 2.0, by client credentials (RFC 6749 §4.4); renewed before it expires', name: 'oauth2' },
  ),
);

export type OAuth2Settings = s.Infer<typeof oauth2>;
