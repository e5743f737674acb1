// What `npm start` prints: commands that show what the gateway does, ready to be pasted.

/** What the commands are made with: of this run. */
export interface Run {
  readonly url: string;
  readonly admin: string;
  /** Where the vendor is told how to behave. */
  readonly control: string;
  readonly demoKey: string;
  readonly acmeKey: string;
  readonly catalogPids: readonly [number | undefined, number | undefined];
  /** What routes.yaml takes from the environment. */
  readonly environment: Readonly<Record<string, string>>;
}

const JSON_TYPE = "-H 'Content-Type: application/json'";
const ORDER = `'{"customer":"c-1","items":[{"sku":"GATE-01","quantity":1}]}'`;
const QUOTE = `'{"to":{"postcode":"04109"},"parcels":[{"weight_kg":1.2}]}'`;
/** One line for each answer. */
const TIMES = `-o /dev/null -w '%{http_code} after %{time_total} s\\n'`;

export function tour(run: Run): string {
  return `
Sluice is ready. In another terminal:
${requests(run)}
More to see:
${services(run)}

A third party, which grants 10 calls a second and speaks its own language (docs/integrations.md):
${thirdParty(run)}
`;
}

function requests({ url, demoKey }: Run): string {
  const key = `-H 'X-Api-Key: ${demoKey}'`;
  return `
  # 201: an order, with the key of tenant "demo" (made for this run)
  curl -i ${url}/v1/orders ${key} ${JSON_TYPE} -d ${ORDER}

  # 401: the same without a key
  curl -i ${url}/v1/orders ${JSON_TYPE} -d ${ORDER}

  # 422: a quantity that config/schemas/order.json refuses, with a pointer to it
  curl -i ${url}/v1/orders ${key} ${JSON_TYPE} -d ${ORDER.replace('"quantity":1', '"quantity":0')}
`;
}

function services({ url, admin, demoKey, catalogPids: [first, second], environment }: Run): string {
  const exported = Object.entries(environment).map(([name, value]) => `${name}='${value}'`);
  return `  429      curl -s -Z -o /dev/null -w '%{http_code} ' '${url}/v1/items?n=[1-20]'; echo
  failure  kill ${first}                (one catalog of two: nobody notices; then kill ${second}: the fallback answers)
  breaker  for i in $(seq 20); do curl -s -o /dev/null -w '%{http_code} ' ${url}/v1/items/GATE-01 -H 'X-Api-Key: ${demoKey}'; done; echo
           (with both catalogs gone: 502, then 503 at once; bring one back, and within 10 s it is 200 again)
  reload   edit routes.yaml and save it; then break it: the last good one stays
  metrics  curl -s ${admin}/metrics | grep sluice_http_requests_total
  the CLI  export ${exported.join(' ')} && npm run sluice -- explain quote-shipping`;
}

function thirdParty({ url, admin, control, demoKey, acmeKey }: Run): string {
  const quote = (key: string): string => `-H 'X-Api-Key: ${key}' ${JSON_TYPE} -d ${QUOTE}`;
  const get = (path: string): string => `curl -i ${url}${path} -H 'X-Api-Key: ${demoKey}'`;
  return `
  # quote: asked for and answered in our terms, whatever the carrier calls them
  curl -i ${url}/v1/shipping/quotes ${quote(demoKey)}

  # 360: the order made above, and where its parcel is
  ${get('/v1/orders/1/360')}

  # stock: JSON in front of SOAP; 007 is not 7
  ${get('/v1/stock/007')}

  flood    curl -s -Z --parallel-max 30 ${TIMES} '${url}/v1/shipping/quotes?n=[1-90]' ${quote(acmeKey)}
           (tenant "acme" asks for 90 quotes, thirty at a time: they wait for their turn)
  fair     curl -s ${TIMES} ${url}/v1/shipping/quotes ${quote(demoKey)}
           (meanwhile, tenant "demo" waits for one turn and not behind all of acme's)
  rate     curl -s ${control}
           (what the vendor saw: most_in_a_second)
  drift    curl -s ${control} -d '{"drift":"drop_eta"}'
           (it leaves out a field: ask for a quote, and look for response_drift in the log here, and in the metrics:)
  pointer  curl -s ${admin}/metrics | grep sluice_drift_total
  promise  curl -s ${control} -d '{"drift":"none"}'
           (it keeps its contract again)
  down     curl -s ${control} -d '{"down":true}'
           (a quote is the route's fallback now, an order comes without its parcel, and stock is a 502 at once; until:)
  up       curl -s ${control} -d '{"down":false}'`;
}
