// The story of one request to a third party: the client's body → the vendor's request → the call → our answer.
import type { Exchange } from '../exchange/exchange.ts';
import { refuseBody } from '../upstream/failure.ts';
import type { VendorAnswer } from './client/client.ts';
import { jsonBodyOf, NO_JSON } from './client-body.ts';
import { IntegrationCall, type IntegrationTerms } from './integration-call.ts';
import type { MappingBody } from './mapping/mapping.ts';
import { type AnswerParts, type Passed, readAnswer } from './vendor-answer.ts';
import type { RequestMaker } from './vendor-request.ts';
import { holdsSenderFault } from './xml/soap.ts';

/** A route to an integration; resolved at load. */
export interface Facade {
  readonly terms: IntegrationTerms;
  readonly request: RequestMaker;
  readonly answer: AnswerParts;
  /** A bug: the exchange is answered with an incident. */
  readonly crash: (x: Exchange, error: unknown) => void;
}

/** Answers the exchange from a third party. Everything after this happens in events. */
export function callThirdParty(x: Exchange, facade: Facade): void {
  begin(x, facade).catch((error: unknown) => facade.crash(x, error));
}

async function begin(x: Exchange, facade: Facade): Promise<void> {
  const { terms } = facade;
  const bytes = await x.body.collect(terms.body.maxBytes);
  if (isOver(x)) return;
  if (typeof bytes === 'string') return x.reply.refuse(refuseBody(x, bytes, terms.body.maxBytes));
  const request = await facade.request.make(x, bytes);
  if (isOver(x)) return;
  if ('code' in request) return x.reply.refuse(request);
  const call = new IntegrationCall(
    x,
    terms,
    request,
    (answer) => effectiveStatus(answer, facade.answer.soap),
    (answer) => {
      respond(x, facade, answer, bytes).catch((error: unknown) => facade.crash(x, error));
    },
  );
  x.call = call;
  call.start();
}

/** A SOAP fault of the sender's comes with status 500, and says nothing about the vendor's health. */
function effectiveStatus({ status, body }: VendorAnswer, soap: boolean): number {
  return soap && status === 500 && holdsSenderFault(body) ? 400 : status;
}

async function respond(x: Exchange, { answer: parts }: Facade, answer: VendorAnswer, bytes: Buffer): Promise<void> {
  const asked = parts.mapping?.variables.has('request') ? requestBody(x, bytes) : NO_JSON;
  const passed = await readAnswer(x, answer, parts, asked);
  if (isOver(x)) return;
  if ('code' in passed) x.reply.refuse(passed);
  else pass(x, answer.status, passed);
}

function requestBody(x: Exchange, bytes: Buffer): MappingBody {
  return jsonBodyOf(x, bytes) ?? NO_JSON;
}

/** Writes an answer whose whole body is known. */
export function pass(x: Exchange, status: number, { body, headers }: Passed): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const bodyless = status === 204 || status === 205 || status === 304;
  x.status = status;
  x.responseHeaders = headers.flat();
  if (!bodyless) x.responseHeaders.push('content-length', String(bytes.length));
  x.reply.begin(bodyless || x.method === 'HEAD');
  if (!bodyless && x.method !== 'HEAD' && bytes.length > 0) x.reply.write(bytes);
  x.reply.end(undefined);
}

/** The client has gone, or has been answered otherwise: by a reload that no longer allows it, or by a shutdown. */
function isOver(x: Exchange): boolean {
  return x.ended || x.reply.started;
}
