// A vendor's errors in our terms: which of our answers stands for which of its statuses.
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import { scanJson } from '../json/scan.ts';
import type { VendorAnswer } from './client/client.ts';
import { REDIRECT, SOAP_FAULT, VENDOR_ERROR } from './problems.ts';
import type { IntegrationSettings } from './settings.ts';
import type { SoapFault } from './xml/soap.ts';

/** Most of a vendor's words that a problem repeats. */
const MAX_EXPOSED_BYTES = 16_384;

export class VendorErrors {
  readonly #name: string;
  readonly #exposes: boolean;
  /** By `404` or `4xx`. */
  readonly #problems: ReadonlyMap<string, Problem>;

  constructor(name: string, { errors, expose }: IntegrationSettings) {
    this.#name = name;
    this.#exposes = expose;
    this.#problems = new Map(
      Array.from(errors, ([of, { status, title }]) => [
        of,
        Object.freeze({ ...VENDOR_ERROR, status, title: title ?? VENDOR_ERROR.title }),
      ]),
    );
  }

  /** Why an answer that is no success is not passed on; undefined when it is one. */
  refuse(x: Exchange, answer: VendorAnswer): Problem | undefined {
    const { status } = answer;
    if (status >= 200 && status < 300) return undefined;
    const detail = `${this.#name} answered with status ${status}`;
    x.extensions = { vendor_status: status, ...(this.#exposes && { vendor_body: wordsOf(answer) }) };
    return x.refuse(status < 400 ? REDIRECT : this.#meaningOf(status, VENDOR_ERROR), detail, retryAfterS(answer));
  }

  /** Why a SOAP fault is not passed on: what its status means here, or that it is one. */
  refuseFault(x: Exchange, { status }: VendorAnswer, fault: SoapFault): Problem {
    x.extensions = { vendor_status: status, fault_code: fault.code, fault_string: fault.text };
    return x.refuse(this.#meaningOf(status, SOAP_FAULT), `${this.#name} answered with the fault ${fault.code}`);
  }

  #meaningOf(status: number, unmapped: Problem): Problem {
    return this.#problems.get(String(status)) ?? this.#problems.get(`${Math.floor(status / 100)}xx`) ?? unmapped;
  }
}

/** What the vendor said: its JSON, or its text. */
function wordsOf({ body }: VendorAnswer): unknown {
  const scan = body.length <= MAX_EXPOSED_BYTES ? scanJson(body) : undefined;
  return scan !== undefined && 'value' in scan ? scan.value : body.toString('utf8', 0, MAX_EXPOSED_BYTES);
}

/** When the vendor says when: only seconds, and only where our own status may say so, too. */
function retryAfterS({ status, headers }: VendorAnswer): number {
  const text = headers.get('retry-after') ?? '';
  return (status === 429 || status === 503) && /^\d{1,6}$/.test(text) ? Number(text) : 0;
}
