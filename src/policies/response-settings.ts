// What `response` of a route may say: the contract of the answers, and how those of a third party become ours.
import { schemaSource } from '../json/source.ts';
import * as s from '../schema/schema.ts';
import { mappingSource } from '../schema/text.ts';

const xmlSchema = s.short(
  s.object(
    {
      arrays: s.list(s.string({ doc: 'Local name of an element' }), {
        doc: 'Elements that are always a list, however many there are',
        default: [],
      }),
    },
    { doc: 'The answer is XML, read as JSON', name: 'xml' },
  ),
  s.boolean({ doc: 'Whether the answer is XML' }),
  (short) => (isTrue(short) ? s.settings.map([], short.at) : s.settings.leaf(null, 'false', short.at)),
);

function isTrue(setting: s.Setting): boolean {
  return setting.kind === 'leaf' && setting.value === true;
}

/** `response` of a route; null for XML that is switched off. */
export const responseSchema = s.object(
  {
    schema: s.optional(
      schemaSource({
        doc: 'JSON Schema 2020-12 of the answer, before any mapping: in place, or a file',
        reading: 'exact',
      }),
    ),
    on_fail: s.choice(['report', 'reject'], {
      doc: 'report: count and log; reject: answer 502 instead',
      default: 'report',
    }),
    sample: s.optional(
      s.percent({ doc: 'Share of the answers looked at; unless set all, but 10% of an own service’s with report' }),
    ),
    body: s.optional(mappingSource('Body of our answer, made by a mapping from the third party’s or from the calls’')),
    xml: s.optional(s.off(xmlSchema)),
  },
  { doc: 'What the answer must be, and what is made of it', name: 'response' },
);

export type ResponseSettings = s.Infer<typeof responseSchema>;

/** Rules across the settings of `response`. */
export function checkResponse({ schema, on_fail, sample, body, xml }: ResponseSettings): readonly s.Issue[] {
  if (schema === undefined && body === undefined && !xml) {
    const hint = 'give it a schema, or of a third party a body or xml';
    return [{ path: [], code: 'response-empty', message: 'this says nothing of the answer', hint }];
  }
  if (schema === undefined || on_fail !== 'reject' || sample === undefined || sample === 1) return [];
  const message = 'a sample would let broken answers through: with "reject" every answer is checked';
  return [{ path: ['sample'], code: 'response-sample', message, hint: 'remove it, or use on_fail: report' }];
}
