// The client's body as a facade needs it: its bytes, and as JSON when something looks into it.
import type { Exchange } from '../exchange/exchange.ts';
import { scanBody } from '../json/body-value.ts';
import { exactValue } from '../json/exact-value.ts';
import { isJsonType } from '../json/media-type.ts';
import type { MappingBody } from './mapping/mapping.ts';

/** JSON that was read: what is mapped, and what templates take values from. */
export class JsonBody implements MappingBody {
  readonly #text: string;
  readonly #loose: unknown;
  #exact: { readonly value: unknown } | undefined = undefined;

  /** @param loose the value of `text`, as JSON.parse gives it */
  constructor(text: string, loose: unknown) {
    this.#text = text;
    this.#loose = loose;
  }

  get size(): number {
    return this.#text.length;
  }

  text(): string {
    return this.#text;
  }

  value(): unknown {
    this.#exact ??= { value: exactValue(this.#text, { value: this.#loose }) };
    return this.#exact.value;
  }
}

export const NO_JSON: MappingBody = { size: 4, text: () => 'null', value: () => null };

/** The collected body of a request as JSON; undefined when it is none. @param bytes what was collected */
export function jsonBodyOf(x: Exchange, bytes: Buffer): MappingBody | undefined {
  if (bytes.length === 0) return NO_JSON;
  if (!isJsonType(x.header('content-type'))) return undefined;
  const scan = scanBody(x, bytes);
  return 'error' in scan ? undefined : new JsonBody(bytes.toString('utf8'), scan.value);
}
