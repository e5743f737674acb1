// Express middleware as a policy: next() carries on, next(error) is a bug, and what answers by itself has answered.
import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import type { Exchange } from '../exchange/exchange.ts';
import { watchAnswer } from './middleware-answer.ts';
import { type ModuleContext, runAs } from './module-context.ts';
import type { Maybe, Policy, Verdict } from './policy.ts';

/** `next()` and `next('route')` carry on; any other argument is an error. */
export type Next = (error?: unknown) => void;
export type ExpressMiddleware = (req: IncomingMessage, res: ServerResponse, next: Next) => unknown;

export class MiddlewarePolicy implements Policy {
  readonly #middleware: ExpressMiddleware;
  readonly #module: string;

  /** @param module whose middleware it is, as `use` names it */
  constructor(middleware: ExpressMiddleware, module: string) {
    this.#middleware = middleware;
    this.#module = module;
  }

  onRequest(x: Exchange): Maybe<Verdict> {
    makeExpress(x.req, x.res);
    watchAnswer(x);
    const call = new Call(x, this.#module);
    const returned = runAs(call, this.#middleware, x.req, x.res, call.next);
    if (call.isOver) return call.verdict();
    return call.wait(returned);
  }
}

const app = express().disable('x-powered-by').disable('etag');

/** Gives request and response what Express adds to them (`req.get`, `res.send`…), unless an app of the user's has. */
function makeExpress(req: IncomingMessage, res: ServerResponse): void {
  if ('app' in req) return;
  Object.setPrototypeOf(req, app.request);
  Object.setPrototypeOf(res, app.response);
  Object.assign(req, { res });
  Object.assign(res, { locals: Object.create(null) });
}

/** One request's way through one middleware. */
class Call implements ModuleContext {
  readonly module: string;
  readonly #x: Exchange;
  #error: Error | undefined = undefined;
  #done = false;
  #settle: (() => void) | undefined = undefined;

  constructor(x: Exchange, module: string) {
    this.#x = x;
    this.module = module;
  }

  get route(): string {
    return this.#x.route?.name ?? '';
  }

  get requestId(): string {
    return this.#x.requestId;
  }

  get isOver(): boolean {
    return this.#done || this.#x.res.writableEnded;
  }

  readonly next: Next = (error) => {
    // Whoever calls next twice, or after it has answered, must not send the request on a second time.
    if (this.#done) return;
    this.#done = true;
    this.#error = failureOf(error);
    this.#settle?.();
  };

  /** What it has thrown where nothing catches it: it will not call `next` any more. */
  fail(error: Error): void {
    this.next(error);
  }

  /** Throws what was given to `next`: the edge answers 500 with an incident. */
  verdict(): Verdict {
    if (this.#error !== undefined) throw this.#error;
    const { res } = this.#x;
    if (this.#done && !res.headersSent) return undefined;
    return 'answered';
  }

  /** Resolves once `next` was called, the answer is out or the client has gone; rejects when the middleware fails. */
  wait(returned: unknown): Promise<Verdict> {
    const { res } = this.#x;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        res.off('finish', settle);
        res.off('close', settle);
        if (this.#error === undefined) resolve(this.verdict());
        else reject(this.#error);
      };
      this.#settle = settle;
      res.once('finish', settle);
      res.once('close', settle);
      if (returned instanceof Promise) {
        returned.catch((error: unknown) => {
          this.next(error ?? new Error('the middleware rejected without a reason'));
        });
      }
    });
  }
}

/** What `next` was given, as an error: Express takes anything but these for one. */
function failureOf(given: unknown): Error | undefined {
  if (given === undefined || given === null || given === 'route' || given === 'router') return undefined;
  return given instanceof Error ? given : new Error('the middleware failed', { cause: given });
}
