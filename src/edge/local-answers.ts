// Requests that end at the gateway: a load balancer's health check, `OPTIONS *`, and `OPTIONS` that may go no further.
import type { Exchange } from '../exchange/exchange.ts';
import { SERVED_METHODS } from './served-methods.ts';

/** 200 while traffic is welcome, 503 while draining. */
export function answerHealth(x: Exchange, ready: boolean): void {
  const body = ready ? '{"status":"ok"}' : '{"status":"draining"}';
  x.status = ready ? 200 : 503;
  x.responseHeaders = [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
  ];
  if (!ready) x.responseHeaders.push('Retry-After', '1');
  x.reply.complete(body);
}

/**
 * Answers `OPTIONS *`, and `OPTIONS` with `Max-Forwards: 0` (RFC 9110 §7.6.2). Otherwise counts Max-Forwards down and
 * returns false.
 */
export function answerOptions(x: Exchange): boolean {
  const forwards = x.header('max-forwards');
  if (x.path !== '*' && forwards !== '0') {
    if (forwards !== undefined && /^\d{1,9}$/.test(forwards))
      x.setRequestHeader('Max-Forwards', String(Number(forwards) - 1));
    return false;
  }
  x.status = 204;
  x.responseHeaders = ['Allow', SERVED_METHODS];
  x.reply.complete('');
  return true;
}
