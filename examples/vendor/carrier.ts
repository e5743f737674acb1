// The carrier's API, in words of its own: `POST /v3/rates` and `GET /v3/shipments/{id}`.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson, textOf } from '../service.ts';
import type { Drift } from './control.ts';

/** Cents for the parcel and for each kilogram begun. */
const SERVICES = [
  { svc: 'EXP', base: 890, perKilo: 180, days: 2 },
  { svc: 'STD', base: 490, perKilo: 90, days: 5 },
] as const;

const MAX_PARCEL_G = 31_500;
const DAY_MS = 86_400_000;

export async function quote(request: IncomingMessage, response: ServerResponse, drift: Drift): Promise<void> {
  const weights = weightsIn(await textOf(request));
  if (weights === undefined) {
    return sendJson(response, 400, { err: { no: 'E400', msg: 'parcels[].weight_g and to_zip are needed' } });
  }
  if (weights.some((weight) => weight > MAX_PARCEL_G)) {
    return sendJson(response, 422, { err: { no: 'E4221', msg: `a parcel is heavier than ${MAX_PARCEL_G} g` } });
  }
  const quotes = SERVICES.map(({ svc, base, perKilo, days }) => {
    const cents = weights.reduce((sum, weight) => sum + base + Math.ceil(weight / 1000) * perKilo, 0);
    const amount = (cents / 100).toFixed(2);
    return {
      svc,
      // A real one would announce it, or not.
      ...(drift === 'rename_amt' ? { amount } : { amt: amount }),
      cur: 'EUR',
      ...(drift === 'drop_eta' ? {} : { eta_days: days }),
    };
  });
  return sendJson(response, 200, { quotes });
}

/** Grams of each parcel; undefined for what is no request for a quote. */
function weightsIn(text: string): readonly number[] | undefined {
  let asked: unknown;
  try {
    asked = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof asked !== 'object' || asked === null || !('parcels' in asked) || !('to_zip' in asked)) return undefined;
  const { parcels, to_zip } = asked;
  if (typeof to_zip !== 'string' || !Array.isArray(parcels) || parcels.length === 0) return undefined;
  const weights = parcels.map((parcel: unknown) => Number(Object(parcel).weight_g));
  return weights.every((weight) => weight > 0) ? weights : undefined;
}

/** Every third parcel has not been handed over yet. */
export function shipment(id: string, response: ServerResponse): void {
  const [, digits] = /^S-(\d{1,9})$/.exec(id) ?? [];
  if (digits === undefined || Number(digits) % 3 === 0) {
    return sendJson(response, 404, { err: { no: 'E4041', msg: `shipment ${id} is not known` } });
  }
  const eta = new Date(Date.now() + 2 * DAY_MS).toISOString().slice(0, 10);
  return sendJson(response, 200, { shp_id: id, st: 'TRN', last_scan: { hub: 'LEJ', txt: 'Sorted' }, eta });
}
