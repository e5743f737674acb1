// How the admin app answers: plain JSON, and problems as RFC 9457 documents.
import type { Response } from 'express';
import type { Problem } from '../exchange/problem.ts';

/** Answers JSON; a trailing newline for those who read it in a terminal. */
export function sendJson(res: Response, status: number, body: unknown, type = 'application/json'): void {
  res
    .status(status)
    .set('Content-Type', type)
    .send(`${JSON.stringify(body)}\n`);
}

/** Answers a problem; `extensions` are further members of its document. */
export function sendProblem(
  res: Response,
  { code, status, title }: Problem,
  detail: string,
  extensions: Readonly<Record<string, unknown>> = {},
): void {
  const document = { type: `urn:sluice:problem:${code}`, title, status, detail, code, ...extensions };
  sendJson(res, status, document, 'application/problem+json');
}
