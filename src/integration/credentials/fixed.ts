// Credentials that are the same for every request: a header or a query parameter.
import type { VendorRequest } from '../client/request.ts';
import { type Credentials, neverFresh } from './credentials.ts';

/** A header whose value is known at load: `bearer`, `basic` and `header`. */
export class FixedHeader implements Credentials {
  readonly #name: string;
  readonly #value: string;
  readonly rejected = neverFresh;

  /** @param name in lower case. */
  constructor(name: string, value: string) {
    this.#name = name;
    this.#value = value;
  }

  apply(request: VendorRequest): undefined {
    request.headers.set(this.#name, this.#value);
  }
}

/** The value of an `Authorization` header (RFC 7617); other letters than ASCII are UTF-8. */
export function basicValue(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** A query parameter, the only one of its name. */
export class QueryParameter implements Credentials {
  readonly #name: string;
  readonly #pair: string;
  readonly rejected = neverFresh;

  constructor(name: string, value: string) {
    this.#name = name;
    this.#pair = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  }

  apply(request: VendorRequest): undefined {
    const { path } = request;
    const start = path.indexOf('?');
    if (start < 0) {
      request.path = `${path}?${this.#pair}`;
      return;
    }
    // A client's own parameter of that name would be a second one: which of them counts is for the vendor to say.
    const others = path
      .slice(start + 1)
      .split('&')
      .filter((pair) => pair !== '' && nameOf(pair) !== this.#name);
    request.path = `${path.slice(0, start)}?${[...others, this.#pair].join('&')}`;
  }
}

function nameOf(pair: string): string {
  const name = (pair.split('=', 1)[0] ?? '').replaceAll('+', ' ');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
