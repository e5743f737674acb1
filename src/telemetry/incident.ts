// A bug of ours: logged once with its stack under an id, which is all that a client is told.
import { randomUUID } from 'node:crypto';
import type { EventLog } from './events.ts';
import { errorOf } from './thrown.ts';

const incidents = new WeakMap<object, string>();

/**
 * Logs what was thrown and returns its incident id. An error met again on its way up (a policy's guard, then the edge's) keeps
 * its id and is not logged twice.
 *
 * @example
 * const incidentId = reportIncident(events, error, { request_id: x.requestId, route: x.route?.name });
 */
export function reportIncident(
  events: EventLog,
  thrown: unknown,
  fields: Readonly<Record<string, unknown>> = {},
): string {
  const known = typeof thrown === 'object' && thrown !== null ? incidents.get(thrown) : undefined;
  if (known !== undefined) return known;
  const incidentId = randomUUID();
  if (typeof thrown === 'object' && thrown !== null) incidents.set(thrown, incidentId);
  events.log('error', 'incident', { incident_id: incidentId, ...fields, error: errorOf(thrown) });
  return incidentId;
}
