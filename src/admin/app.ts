// The admin app: probes for an orchestrator, metrics for Prometheus, and what the gateway is doing for an engineer.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import type { EventLog } from '../telemetry/events.ts';
import { contentTypes, negotiateExposition } from '../telemetry/exposition.ts';
import type { ExpositionFormat } from '../telemetry/families.ts';
import { reportIncident } from '../telemetry/incident.ts';
import { requireAccess } from './access.ts';
import { internalError, methodNotAllowed, notFound } from './problems.ts';
import { problemSender, type SendProblem, sendJson } from './reply.ts';

/** Whether traffic should come here, and why not. Never depends on an upstream. */
export interface Readiness {
  readonly ready: boolean;
  /** e.g. `draining`; empty when ready. */
  readonly reasons: readonly string[];
}

/** What the admin app shows of a gateway; the gateway implements it. */
export interface AdminView {
  ready(): Readiness;
  /** What an engineer should know although traffic may come: upstreams without a healthy target, open breakers. */
  warnings(): readonly string[];
  readonly metrics: { exposition(format: ExpositionFormat): AsyncIterable<string> };
  /** The configuration in use: hash, files, every effective value; secrets redacted. JSON. */
  config(): unknown;
  /** Config hash, uptime, upstreams with targets and breakers, requests in flight, last reloads. JSON. */
  status(): unknown;
}

export interface AdminSettings {
  /** Bearer token for all but the probes; undefined when the app is on loopback and open to who is there. */
  readonly token: string | undefined;
  readonly events: EventLog;
  /** Of every problem's `type`. */
  readonly problemBase: string;
}

/**
 * The admin app as an Express app.
 *
 * @example
 * const admin = createAdmin(view, { token: settings.admin.token, events, problemBase: settings.http.problem_base });
 * http.createServer(admin).listen(9901, '127.0.0.1');
 */
export function createAdmin(view: AdminView, { token, events, problemBase }: AdminSettings): Express {
  const app = express();
  const refuse = problemSender(problemBase);
  const resource = (path: string, read: RequestHandler): void => {
    app.route(path).get(read).all(readOnly(refuse));
  };
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.use(securityHeaders);

  resource('/livez', (_req, res) => sendJson(res, 200, { live: true }));
  resource('/readyz', (req, res) => sendReadiness(res, view, req.query['verbose'] !== undefined));

  app.use(requireAccess(token, refuse));
  resource('/metrics', (req, res) => sendMetrics(res, view, negotiateExposition(req.headers.accept)));
  resource('/api/config', (_req, res) => sendJson(res, 200, view.config()));
  resource('/api/status', (_req, res) => sendJson(res, 200, view.status()));

  app.use((req, res) => refuse(res, notFound, `There is nothing at ${req.path}.`));
  app.use(onError(events, refuse));
  return app;
}

/** What can be read (GET, HEAD) is not for anything else. */
function readOnly(refuse: SendProblem): RequestHandler {
  return (req, res) => {
    res.setHeader('Allow', 'GET, HEAD');
    refuse(res, methodNotAllowed, `${req.method} is not possible here.`);
  };
}

const securityHeaders: RequestHandler = (_req, res, next) => {
  res.set({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  });
  next();
};

function sendReadiness(res: Response, view: AdminView, verbose: boolean): void {
  const { ready, reasons } = view.ready();
  if (!ready) res.setHeader('Retry-After', '1');
  sendJson(res, ready ? 200 : 503, verbose ? { ready, reasons, warnings: view.warnings() } : { ready });
}

async function sendMetrics(res: Response, { metrics }: AdminView, format: ExpositionFormat): Promise<void> {
  res.set({ 'Content-Type': contentTypes[format], Vary: 'Accept' });
  const pieces = Readable.from(metrics.exposition(format), { highWaterMark: 1 });
  try {
    await pipeline(pieces, res);
  } catch (error) {
    if (!isPrematureClose(error)) throw error;
  }
}

/** A scraper that gives up half-way is not a fault of ours. */
function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/** Whatever a resource throws is a bug of ours. */
function onError(events: EventLog, refuse: SendProblem): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    const incident = reportIncident(events, error, { plane: 'admin', path: req.path });
    if (res.headersSent) res.destroy();
    else refuse(res, internalError, 'The incident is in the log.', { incident });
  };
}
