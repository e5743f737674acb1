// Bytes of a vendor's XML → JSON, on the event loop while that is quick.
import { JobError, threads } from '../threads/threads.ts';
import { XmlError, xmlToJson } from './xml-to-json.ts';

/** A larger text holds up other requests for longer than handing it to another thread costs. */
const MAX_ON_LOOP = 32_768;

const XML_ENCODING = /^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']/;
const CHARSET = /;\s*charset\s*=\s*"?([A-Za-z0-9._-]+)"?/i;

/**
 * Reads an answer's body; rejects with an {@link XmlError}.
 *
 * @param contentType '' when there is none
 * @param isWanted whether anybody waits for it still; asked before a thread begins with it
 */
export async function readXml(
  bytes: Buffer,
  contentType: string,
  arrays: readonly string[],
  isWanted: () => boolean = () => true,
): Promise<unknown> {
  const text = decode(bytes, contentType);
  if (text.length <= MAX_ON_LOOP) return xmlToJson(text, arrays);
  try {
    return JSON.parse(await threads.run({ kind: 'xml', xml: text, arrays }, isWanted));
  } catch (error) {
    throw error instanceof JobError ? new XmlError(error.message) : error;
  }
}

/** RFC 7303 §3: a byte order mark, then the charset of the media type, then what the document says of itself. */
function decode(bytes: Buffer, contentType: string): string {
  const start = bytes.toString('latin1', 0, 200);
  const label = markOf(bytes) ?? CHARSET.exec(contentType)?.[1] ?? XML_ENCODING.exec(start)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch (error) {
    // A label that is unknown is a RangeError, bytes that do not fit are a TypeError.
    throw new XmlError(
      error instanceof RangeError ? 'its character encoding is not known' : `it is not valid ${label}`,
    );
  }
}

function markOf(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : undefined;
}
