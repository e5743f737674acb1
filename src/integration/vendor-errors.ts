// A vendor's errors in our terms: which of our answers stands for which of its statuses.
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import { exactValue } from '../json/exact-value.ts';
import { scanJson } from '../json/scan.ts';
import { retryAfterMs } from '../resilience/retry-after.ts';
import type { VendorAnswer } from './client/client.ts';
import { REDIRECT, SOAP_FAULT, VENDOR_ERROR } from './problems.ts';
import type { IntegrationSettings } from './settings.ts';
import type { SoapFault } from './xml/soap.ts';

/** Most of a vendor's words that a problem repeats. */
const MAX_EXPOSED_BYTES = 16_384;
const RETRY_SOON_S = 1;
/** Longest that callers are told to stay away. */
const MAX_RETRY_AFTER_S = 86_400;

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
    x.error = detail;
    x.extensions = { vendor_status: status, ...(this.#exposes && { vendor_body: wordsOf(answer) }) };
    const problem = status < 400 ? REDIRECT : this.#meaningOf(status, VENDOR_ERROR);
    return x.refuse(problem, detail, retryAfterS(answer, problem));
  }

  /** Why a SOAP fault is not passed on: what its status means here, or that it is one. */
  refuseFault(x: Exchange, answer: VendorAnswer, fault: SoapFault): Problem {
    const { status } = answer;
    x.error = `${this.#name} answered with status ${status} and the fault ${fault.code}`;
    x.extensions = { vendor_status: status, fault_code: fault.code, fault_string: fault.text };
    // SOAP 1.1 gives every fault the status 500 (§6.2), also one that is the caller's.
    const problem = this.#meaningOf(fault.sender ? 400 : status, SOAP_FAULT);
    return x.refuse(problem, `${this.#name} answered with the fault ${fault.code}`, retryAfterS(answer, problem));
  }

  #meaningOf(status: number, unmapped: Problem): Problem {
    return this.#problems.get(String(status)) ?? this.#problems.get(`${Math.floor(status / 100)}xx`) ?? unmapped;
  }
}

/** What the vendor said: its JSON, or its text. */
function wordsOf({ body }: VendorAnswer): unknown {
  const scan = body.length <= MAX_EXPOSED_BYTES ? scanJson(body) : undefined;
  if (scan !== undefined && 'value' in scan) return exactValue(body.toString('utf8'), scan);
  // As a part of a stream, so that a character that is cut in two is left out.
  return new TextDecoder().decode(body.subarray(0, MAX_EXPOSED_BYTES), { stream: true });
}

/** When callers may come back: as the vendor says where its status has a say in it; our own 429 and 503 always tell. */
function retryAfterS({ status, headers }: VendorAnswer, ours: Problem): number {
  const said = isTemporary(status) ? (retryAfterMs(headers.get('retry-after') ?? '') ?? 0) : 0;
  const seconds = Math.min(Math.ceil(said / 1000), MAX_RETRY_AFTER_S);
  return seconds === 0 && isTemporary(ours.status) ? RETRY_SOON_S : seconds;
}

function isTemporary(status: number): boolean {
  return status === 429 || status === 503;
}
