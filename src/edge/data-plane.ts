// The data plane as an Express app, so that it can be mounted in one, and Express middleware be used in it.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type Express } from 'express';

/**
 * One handler and no routing of Express's: its router is linear, and decodes what must stay as it came. While nobody adds to
 * the app, a request goes straight to that handler; the prototypes that Express gives every request are set where middleware
 * runs.
 */
export function dataPlane(listener: RequestListener): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((req, res) => listener(req, res));
  const { handle } = app as unknown as { handle: Handle };
  const own = app.router.stack.length;
  const direct: Handle = (req, res, next) => {
    if (app.router.stack.length === own) listener(req, res);
    else handle.call(app, req, res, next);
  };
  return Object.assign(app, { handle: direct });
}

/** Express's own way in; its types leave it out. */
type Handle = (this: unknown, req: IncomingMessage, res: ServerResponse, next: unknown) => void;
