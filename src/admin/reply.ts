// How the admin app answers: plain JSON, and problems as RFC 9457 documents, as the data plane's are.
import type { Response } from 'express';
import { proxyStatus } from '../edge/problem-document.ts';
import type { Problem } from '../exchange/problem.ts';

/** Answers JSON; a trailing newline for those who read it in a terminal. */
export function sendJson(res: Response, status: number, body: unknown, type = 'application/json'): void {
  res
    .status(status)
    .set('Content-Type', type)
    .send(`${JSON.stringify(body)}\n`);
}

/** Answers a problem; `extensions` are further members of its document. */
export type SendProblem = (
  res: Response,
  problem: Problem,
  detail: string,
  extensions?: Readonly<Record<string, unknown>>,
) => void;

/** @param base of every `type` (`http.problem_base`). */
export function problemSender(base: string): SendProblem {
  return (res, problem, detail, extensions) => {
    const { code, status, title } = problem;
    res.setHeader('Proxy-Status', proxyStatus(problem));
    const document = { type: base + code, title, status, detail, code, ...extensions };
    sendJson(res, status, document, 'application/problem+json');
  };
}
