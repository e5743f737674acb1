// A policy of one's own: requests are taken in office hours only. In a route:
//   use: { module: ./examples/policies/office-hours.ts, with: { from: 8, to: 18 } }
import { definePolicy, defineProblem, s } from 'sluice';

const CLOSED = defineProblem('office_hours.closed', 503, 'Outside office hours', 'http_request_denied');

const HOUR_MS = 3_600_000;

export default definePolicy({
  name: 'office-hours',
  summary: 'Takes requests in office hours only',
  schema: s.object(
    {
      from: s.integer({ doc: 'First open hour, UTC', default: 8, min: 0, max: 23 }),
      to: s.integer({ doc: 'First closed hour, UTC', default: 18, min: 1, max: 24 }),
    },
    { doc: 'Office hours' },
  ),
  problems: [CLOSED],
  check: ({ from, to }) =>
    from < to ? [] : [{ path: ['to'], code: 'office-hours', message: 'closes before it opens' }],
  // Runs once per route, at load. What it returns runs per request.
  create({ from, to }) {
    return {
      onRequest(x) {
        const hour = new Date().getUTCHours();
        if (hour >= from && hour < to) return undefined;
        return x.refuse(CLOSED, `open from ${from}:00 to ${to}:00 UTC`, secondsUntil(from));
      },
    };
  },
});

function secondsUntil(hour: number): number {
  const now = new Date();
  const opening = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(), hour);
  const waitMs = opening - now.getTime();
  return Math.ceil((waitMs > 0 ? waitMs : waitMs + 24 * HOUR_MS) / 1000);
}
