// A call without an answer, as the client gets it: the route's fallback, or a problem that says why.

import { bodyProblem } from '../exchange/body-problems.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import type { BodyFailure } from '../exchange/request-body.ts';
import type { CallFailure } from '../resilience/call-failure.ts';
import type { Failure } from '../resilience/outcome.ts';
import * as problems from './problems.ts';
import type { AnswerTerms, Fallback } from './terms.ts';

const RETRY_SOON_S = 1;

/** Answers for a call that got nothing. */
export function answerFailure(x: Exchange, failure: CallFailure, terms: AnswerTerms): void {
  if (failure.kind === 'stalled') return x.reply.refuse(refuseBody(x, 'stalled', terms.body.maxBytes));
  const problem = problemOf(x, failure, terms);
  if (isNoAnswer(failure)) answerNothing(x, problem, terms);
  else x.reply.refuse(problem);
}

/** The upstream has said nothing at all: the route's fallback, or the problem where it has none. */
export function answerNothing(x: Exchange, problem: Problem, { fallback }: AnswerTerms): void {
  if (fallback === undefined) return x.reply.refuse(problem);
  x.reason = problem.code;
  x.status = fallback.status;
  x.responseHeaders = fallbackHeaders(fallback);
  x.reply.complete(fallback.body);
}

function fallbackHeaders({ status, body }: Fallback): string[] {
  // RFC 9110 §8.6: these have no body, and do not say that it is empty.
  if (status === 204 || status === 304) return [];
  const length = ['Content-Length', String(Buffer.byteLength(body))];
  return body === '' ? length : ['Content-Type', 'application/json', ...length];
}

/** `fallback` stands in where the upstream said nothing at all; what it did say, however broken, is not replaced. */
function isNoAnswer(failure: NoAnswer): boolean {
  if (failure.kind !== 'attempt') return true;
  const { kind, result } = failure.failure;
  return result === 'connect' || result === 'dns' || result === 'timeout' || kind === 'exhausted';
}

type NoAnswer = Exclude<CallFailure, { kind: 'stalled' }>;

function problemOf(x: Exchange, failure: NoAnswer, { upstream: { name }, answerMs, totalMs }: AnswerTerms): Problem {
  switch (failure.kind) {
    case 'breaker_open':
      return x.refuse(
        problems.BREAKER_OPEN,
        `${name} has failed too often; the next try is due in ${failure.retryAfterS} s`,
        failure.retryAfterS,
      );
    case 'no_target':
      return x.refuse(problems.NO_TARGET, `no target of ${name} can be used now`, RETRY_SOON_S);
    case 'busy':
      return x.refuse(problems.BUSY, `${name} has as many calls in flight as it may have`, RETRY_SOON_S);
    case 'deadline':
      return x.refuse(
        problems.TIMEOUT,
        failure.limit === 'answer'
          ? `${name} did not answer within ${answerMs} ms`
          : `the exchange with ${name} took longer than ${totalMs} ms`,
      );
    case 'attempt':
      return problemOfAttempt(x, failure.failure, name);
  }
}

function problemOfAttempt(x: Exchange, { kind }: Failure, name: string): Problem {
  switch (kind) {
    case 'refused':
      return x.refuse(problems.REFUSED, `${name} refused the connection`);
    case 'unreachable':
      return x.refuse(problems.REFUSED, `${name} cannot be reached over the network`);
    case 'dns':
      return x.refuse(problems.DNS, `the host name of ${name} has no address`);
    case 'connect_timeout':
      return x.refuse(problems.CONNECT_TIMEOUT, `${name} did not accept the connection in time`);
    case 'exhausted':
      return x.refuse(problems.EXHAUSTED, 'too many connections and files are open at once', RETRY_SOON_S);
    case 'tls':
      return x.refuse(problems.TLS, `a certificate was not accepted between the gateway and ${name}`);
    case 'tls_protocol':
      return x.refuse(
        problems.TLS_PROTOCOL,
        `there was no TLS handshake with ${name}: no TLS at all, or none in common`,
      );
    case 'timeout':
      return x.refuse(problems.TIMEOUT, `an attempt at ${name} took too long`);
    case 'reset':
    case 'aborted':
      return x.refuse(problems.RESET, `${name} closed the connection before it answered`);
    case 'protocol':
      return x.refuse(problems.PROTOCOL, `what ${name} sent is not a valid HTTP response`);
    case 'too_large':
      return x.refuse(problems.TOO_LARGE, `a message to or from ${name} is larger than it may be`);
    case 'coding':
      return x.refuse(problems.CODING, `what ${name} sent cannot be decoded`);
    case 'egress':
      return x.refuse(problems.EGRESS, `${name} is at an address that is not to be connected to`);
  }
}

/** The problem for a body that the client did not deliver. */
export function refuseBody(x: Exchange, failure: BodyFailure, bodyMax: number): Problem {
  return x.refuse(
    bodyProblem(failure),
    failure === 'too_large' ? `a request body may have at most ${bodyMax} bytes` : '',
  );
}
