// One call of a composition: an exchange of its own, answered by an upstream or an integration as any other is.
import type { Exchange } from '../../exchange/exchange.ts';
import type { Problem } from '../../exchange/problem.ts';
import type { Results } from '../../exchange/template.ts';
import { retryAfterMs } from '../../resilience/retry-after.ts';
import { forward } from '../../upstream/forward.ts';
import { fieldOf } from '../../upstream/response-headers.ts';
import type { UpstreamTerms } from '../../upstream/terms.ts';
import type { VendorAnswer, VendorRequest } from '../client/client.ts';
import { IntegrationCall, type IntegrationTerms } from '../integration-call.ts';
import type { VendorErrors } from '../vendor-errors.ts';
import type { RequestMaker } from '../vendor-request.ts';
import { type CallResult, readResult } from './call-result.ts';
import { CollectedReply, type ReplyListener } from './collected-reply.ts';
import { FixedBody } from './fixed-body.ts';
import { CALL_FAILED } from './problems.ts';
import { askFor, subExchange } from './sub-exchange.ts';

/** What a call is made to. */
export type Destination =
  | { readonly kind: 'upstream'; readonly terms: UpstreamTerms }
  | { readonly kind: 'integration'; readonly terms: IntegrationTerms; readonly errors: VendorErrors };

/** One of a route's `calls`; resolved at load. */
export interface Part {
  readonly name: string;
  /** Calls whose results its request is made from. */
  readonly needs: readonly string[];
  readonly request: RequestMaker;
  readonly to: Destination;
  /** What stands for it when it fails; undefined when the answer cannot do without it. */
  readonly default: CallResult | undefined;
}

/** What became of a call. */
export type Outcome =
  | { readonly kind: 'result'; readonly result: CallResult }
  | { readonly kind: 'problem'; readonly problem: Problem }
  /** There was no answer, and this is what the route says then. */
  | { readonly kind: 'fallback'; readonly body: string | Buffer };

/** Most bytes of an upstream's answer; an integration has `response_max`. */
const UPSTREAM_ANSWER_BYTES = 5_242_880;

export class PartCall implements ReplyListener {
  readonly part: Part;
  /** Its own exchange, beside the client's. */
  readonly x: Exchange;
  readonly begunAt = performance.now();
  readonly #body = new FixedBody();
  readonly #settled: (call: PartCall, outcome: Outcome) => void;

  /**
   * @param x the client's exchange
   * @param dueAt when the whole answer must be there
   * @param settled told once what became of it, unless it was cancelled
   */
  constructor(x: Exchange, part: Part, dueAt: number, settled: (call: PartCall, outcome: Outcome) => void) {
    this.part = part;
    this.x = subExchange(x, this.#body, this.#countsFrom(dueAt));
    this.x.reply = new CollectedReply(this.x, UPSTREAM_ANSWER_BYTES, this);
    this.#settled = settled;
  }

  /** @param bytes the client's body; @param results of the calls it needs */
  async start(bytes: Buffer, results: Results): Promise<void> {
    const { x, part } = this;
    const request = await part.request.make(x, bytes, results);
    if (x.ended) return;
    if ('code' in request) return this.failed(request);
    if (part.to.kind === 'upstream') this.#callUpstream(request, part.to.terms);
    else this.#callIntegration(request, part.to.terms, part.to.errors);
  }

  /** Nobody waits for it any more. Idempotent. */
  cancel(): void {
    this.x.ended = true;
    this.x.call?.finish();
  }

  answered(body: Buffer): void {
    const { x } = this;
    const headers = x.responseHeaders;
    const retryAfter = fieldOf(headers, 'retry-after') ?? '';
    const coding = fieldOf(headers, 'content-encoding');
    this.#read(errorOf(x, retryAfter) ?? readResult(x, body, fieldOf(headers, 'content-type'), coding));
  }

  stoodIn(body: string | Buffer): void {
    this.#end({ kind: 'fallback', body });
  }

  failed(problem: Problem): void {
    this.x.reason = problem.code;
    this.#end({ kind: 'problem', problem });
  }

  /** Its own deadline is never later than that of the whole, so that one that is late is known to be. */
  #countsFrom(dueAt: number): number {
    const { answerMs } = this.part.to.terms;
    return answerMs === Number.POSITIVE_INFINITY ? this.begunAt : Math.min(this.begunAt, dueAt - answerMs);
  }

  #callUpstream(request: VendorRequest, terms: UpstreamTerms): void {
    askFor(this.x, request);
    if (request.body !== undefined) this.#body.bytes = request.body;
    forward(this.x, terms);
  }

  #callIntegration(request: VendorRequest, terms: IntegrationTerms, errors: VendorErrors): void {
    const { x } = this;
    const answered = (answer: VendorAnswer): void => {
      const { body, headers } = answer;
      this.#read(errors.refuse(x, answer) ?? readResult(x, body, headers.get('content-type'), undefined));
    };
    const call = new IntegrationCall(x, terms, request, ({ status }) => status, answered);
    x.call = call;
    call.start();
  }

  #read(read: CallResult | Problem): void {
    if ('code' in read) this.failed(read);
    else this.#end({ kind: 'result', result: read });
  }

  #end(outcome: Outcome): void {
    if (this.x.ended) return;
    this.cancel();
    this.#settled(this, outcome);
  }
}

/** Statuses that speak of what was asked for or of who asks; all others speak of the call, which is not the client's. */
const TOLD_ON = new Set([403, 404, 409, 410, 422, 429, 451, 503]);
const RETRY_SOON_S = 1;

/** Why the answer of an upstream is none that can be used: it is no success. */
function errorOf(x: Exchange, retryAfter: string): Problem | undefined {
  const { status } = x;
  if (status >= 200 && status < 300) return undefined;
  x.error = `${x.upstream} answered with status ${status}`;
  x.extensions = { upstream_status: status };
  const retries = status === 429 || status === 503;
  const waitS = retries ? Math.ceil((retryAfterMs(retryAfter) ?? 0) / 1000) || RETRY_SOON_S : 0;
  const problem = TOLD_ON.has(status) ? { ...CALL_FAILED, status } : CALL_FAILED;
  return x.refuse(problem, x.error, waitS);
}
