// XML of a vendor as JSON: elements by local name, attributes as `@name`, text as text.
import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** Why a text is not acceptable XML; quotes nothing of it. */
export class XmlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'XmlError';
  }
}

const MAX_DEPTH = 64;
/** What may hold anything without being markup. */
const INERT = /<!\[CDATA\[[\s\S]*?\]\]>|<!--[\s\S]*?-->/g;
/** Where entities and external references come from. */
const DECLARATION = /<!(?:DOCTYPE|ENTITY)/i;
const NEEDS_DECODING = /[&]/;

/**
 * Reads XML. `<Sku unit="kg">007</Sku>` is `{ "@unit": "kg", "#text": "007" }`, without attributes `"007"`; an empty element is
 * `""`. An element that repeats is a list, one in `arrays` always. Namespace prefixes are dropped.
 *
 * @throws XmlError for what is not well-formed, too deep, or has a document type: entities and external references come from there.
 */
export function xmlToJson(text: string, arrays: readonly string[]): Readonly<Record<string, unknown>> {
  if (DECLARATION.test(text.replace(INERT, ''))) {
    throw new XmlError('it declares a document type, which may bring entities and external references');
  }
  const validity = XMLValidator.validate(text);
  if (validity !== true) {
    const { line, col, code } = validity.err;
    throw new XmlError(`it is not well-formed (${code} at line ${line}, column ${col})`);
  }
  const parsed = parse(text, new Set(arrays));
  if (typeof parsed === 'object' && parsed !== null && Object.keys(parsed).length === 1) return { ...parsed };
  throw new XmlError('it has no element');
}

function parse(text: string, lists: ReadonlySet<string>): unknown {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    removeNSPrefix: true,
    parseTagValue: false,
    parseAttributeValue: false,
    // Without a document type these are the five of XML, the references by number, and the names of HTML.
    processEntities: NEEDS_DECODING.test(text) ? { enabled: true, maxExpandedLength: text.length } : false,
    htmlEntities: true,
    trimValues: true,
    ignoreDeclaration: true,
    ignorePiTags: true,
    maxNestedTags: MAX_DEPTH,
    isArray: (name) => lists.has(name),
  });
  try {
    return parser.parse(text);
  } catch (error) {
    // The parser's words may quote names of the text.
    const tooDeep = error instanceof Error && error.message.includes('nested');
    throw new XmlError(
      tooDeep ? `it is nested deeper than ${MAX_DEPTH}` : 'it holds a name or a reference that is not accepted',
    );
  }
}
