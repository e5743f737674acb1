// What a third party's errors, redirects and SOAP faults are in our terms, and how little of its words comes out.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import type { Answer } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { answerJson, answerText, startVendor, type Vendor } from '../support/vendor.ts';
import { CANARY, type Called, type FacadeGateway, startFacades, VENDOR_AUTH } from './facades.ts';

const QUIET = { auth: VENDOR_AUTH, retry: 0, breaker: 'none' };
/** Vendors say this in confidence. */
const fails = (status: number, headers: Record<string, string> = {}): Answer =>
  answerJson({ reason: `${CANARY} words` }, status, headers);

const ENVELOPES = {
  '1.1': 'http://schemas.xmlsoap.org/soap/envelope/',
  '1.2': 'http://www.w3.org/2003/05/soap-envelope',
};
const soap = (body: string, status: number, version: keyof typeof ENVELOPES = '1.1'): Answer =>
  answerText(
    'text/xml; charset=utf-8',
    `<?xml version="1.0"?><s:Envelope xmlns:s="${ENVELOPES[version]}"><s:Body>${body}</s:Body></s:Envelope>`,
    status,
  );
const fault11 = (code: string): string =>
  `<s:Fault><faultcode>s:${code}</faultcode><faultstring>No such &lt;SKU&gt;</faultstring><detail><Value>Client ${CANARY}</Value></detail></s:Fault>`;
const fault12 = (code: string): string =>
  `<s:Fault><s:Code><s:Value>s:${code}</s:Value><s:Subcode><s:Value>x:NoSku</s:Value></s:Subcode></s:Code>` +
  `<s:Reason><s:Text xml:lang="en">No such SKU</s:Text><s:Text xml:lang="de">${CANARY}</s:Text></s:Reason><s:Detail><Value>Sender</Value></s:Detail></s:Fault>`;

/** By name; the route to each is named as it is. */
const INTEGRATIONS: Readonly<Record<string, object>> = {
  errors: {
    ...QUIET,
    errors: {
      404: { status: 404, title: 'No such shipment' },
      '4xx': 422,
      503: 503,
      500: { status: 429, title: 'Later' },
    },
  },
  unmapped: QUIET,
  exposed: { ...QUIET, expose: true },
};

suite('errors of third parties', () => {
  let facades: FacadeGateway;
  const vendors = new Map<string, Vendor>();
  const t = suiteCleanUp(after);

  before(async () => {
    const integrations: Record<string, unknown> = {};
    const routes: Record<string, unknown> = {};
    for (const [name, settings] of Object.entries(INTEGRATIONS)) {
      const vendor = await startVendor(t);
      vendors.set(name, vendor);
      integrations[name] = { url: vendor.url, ...settings };
      routes[name] = { match: `/${name}`, to: name, response: { body: "{ 'n': n }" } };
    }
    for (const version of ['1.1', '1.2']) {
      const vendor = await startVendor(t);
      vendors.set(`soap-${version}`, vendor);
      integrations[`soap-${version}`] = {
        url: vendor.url,
        ...QUIET,
        breaker: { min: 2, failures: '50%', window: '10m', open: '10m' },
        ...(version === '1.2' && { errors: { 400: 404 } }),
      };
      routes[`soap-${version}`] = {
        match: `GET /soap-${version}/{sku}`,
        to: `soap-${version}`,
        request: { soap: { action: 'GetStock', version, body: '<GetStock><Sku>{sku}</Sku></GetStock>' } },
        response: { body: "{ 'sku': GetStockResponse.Sku }" },
      };
    }
    facades = await startFacades(t, { defaults: { auth: 'key' }, integrations, routes });
  });

  function ask(name: string, answer: Answer, path = `/${name}`): Promise<Called> {
    const vendor = vendors.get(name);
    assert.ok(vendor);
    return facades.call(vendor, answer, path);
  }

  for (const [status, ours, title] of [
    [404, 404, 'No such shipment'],
    [400, 422, 'The third party answered with an error'],
    [429, 422, 'The third party answered with an error'],
    [500, 429, 'Later'],
    [502, 502, 'The third party answered with an error'],
    [503, 503, 'The third party answered with an error'],
  ] as const) {
    test(`errors: ${status} is ${ours} here`, async () => {
      const { response, text, line } = await ask('errors', fails(status));
      const problem = assertProblem(response, ours, 'integration.error');
      assert.deepEqual([problem['vendor_status'], problem['title']], [status, title]);
      assert.deepEqual([line.status, line.reason], [ours, 'integration.error']);
      assert.equal(
        line['error'],
        `errors answered with status ${status}`,
        'whoever reads the log needs no client to ask',
      );
      assert.ok(!text.includes('words') && !('vendor_body' in problem), text);
    });
  }

  test('when the vendor says when, callers learn it', async () => {
    const seconds = await ask('errors', fails(503, { 'retry-after': '120' }));
    assert.equal(assertProblem(seconds.response, 503, 'integration.error').retry_after, 120);
    const at = new Date(Date.now() + 3_600_000).toUTCString();
    const date = await ask('errors', fails(503, { 'retry-after': at }));
    const told = assertProblem(date.response, 503, 'integration.error').retry_after ?? 0;
    assert.ok(told > 1_800 && told <= 3_600, `${told}`);
    for (const nonsense of ['-1', 'soon', '99999999999999999999', '1.5', 'Thu, 01 Jan 1970 00:00:00 GMT']) {
      const { response } = await ask('errors', fails(503, { 'retry-after': nonsense }));
      assertProblem(response, 503, 'integration.error');
      assert.match(response.header('retry-after') ?? '', /^\d{1,6}$/);
    }
  });

  test('what the vendor says of a later time counts with its 429 and 503 only', async () => {
    const ours = await ask('errors', fails(500, { 'retry-after': '120' }));
    assert.equal(assertProblem(ours.response, 429, 'integration.error').retry_after, 1);
    const unmapped = await ask('unmapped', fails(500, { 'retry-after': '120' }));
    assert.equal(assertProblem(unmapped.response, 502, 'integration.error').retry_after, undefined);
  });

  for (const status of [300, 301, 302, 304, 307, 308, 399]) {
    test(`a ${status} is a redirect that is not followed`, async () => {
      const { response, calls, text } = await ask('unmapped', (_request, to) => {
        to.writeHead(status, { location: `https://${CANARY}.example/` }).end();
      });
      const problem = assertProblem(response, 502, 'integration.redirect');
      assert.deepEqual([problem['vendor_status'], calls.length], [status, 1]);
      assert.ok(!text.includes(CANARY) && response.header('location') === undefined);
    });
  }

  for (const status of [400, 401, 402, 403, 404, 407, 418, 429, 451, 500, 501, 503, 599]) {
    test(`an unmapped ${status} is a 502 without a word of the vendor's`, async () => {
      const { response, calls } = await ask(
        'unmapped',
        fails(status, { 'www-authenticate': CANARY, 'x-words': CANARY }),
      );
      assert.equal(assertProblem(response, 502, 'integration.error')['vendor_status'], status);
      assert.equal(calls.length, 1);
    });
  }

  test('expose: what the vendor said is in the problem', async () => {
    const said = { code: 'E7', at: ['x'] };
    const json = await ask('exposed', answerJson(said, 404));
    assert.deepEqual(assertProblem(json.response, 502, 'integration.error')['vendor_body'], said);
    const exact = await ask('exposed', answerText('application/json', '{"id":12345678901234567890}', 409));
    assert.ok(exact.text.includes('"vendor_body":{"id":12345678901234567890}'), exact.text);
    const text = await ask('exposed', answerText('text/plain', 'Out\nof "order"', 500));
    assert.equal(assertProblem(text.response, 502, 'integration.error')['vendor_body'], 'Out\nof "order"');
    const none = await ask('exposed', answerText('text/plain', '', 500));
    assert.equal(assertProblem(none.response, 502, 'integration.error')['vendor_body'], '');
    const long = await ask('exposed', answerText('text/plain', '€'.repeat(50_000), 500));
    const kept = String(assertProblem(long.response, 502, 'integration.error')['vendor_body']);
    assert.ok(Buffer.byteLength(kept) <= 16_384 && /^€+$/.test(kept), kept.slice(-3));
    const bytes = await ask('exposed', answerText('application/pdf', Buffer.from([0, 0xff, 0xfe, 0x41]), 500));
    assertProblem(bytes.response, 502, 'integration.error');
  });

  for (const [version, { fault, theirs, ours, text }] of Object.entries({
    '1.1': { fault: fault11, theirs: 'Server', ours: 'Client', text: 'No such <SKU>' },
    '1.2': { fault: fault12, theirs: 'Receiver', ours: 'Sender', text: 'No such SKU' },
  } as const)) {
    test(`SOAP ${version}: faults are problems, and only those of the vendor open the breaker`, async () => {
      const name = `soap-${version}`;
      const path = `/${name}/007`;
      const of = (body: string, status: number): Answer => soap(body, status, version === '1.2' ? '1.2' : '1.1');
      for (const status of [500, 400, 500, 500]) {
        const { response, line } = await ask(name, of(fault(ours), status), path);
        assert.equal(line['error'], `${name} answered with status ${status} and the fault ${ours}`);
        // A fault of the caller's is a 400 to `errors`, whatever SOAP sends it with.
        const problem =
          version === '1.2'
            ? assertProblem(response, 404, 'integration.error')
            : assertProblem(response, 502, 'integration.soap_fault');
        assert.deepEqual(
          [problem['vendor_status'], problem['fault_code'], problem['fault_string']],
          [status, ours, text],
        );
      }
      const good = await ask(
        name,
        of('<m:GetStockResponse xmlns:m="urn:m"><m:Sku>007</m:Sku></m:GetStockResponse>', 200),
        path,
      );
      assert.deepEqual([good.response.status, good.text], [200, '{"sku":"007"}']);
      const [call] = good.calls;
      assert.ok(call?.body.toString().includes('<GetStock><Sku>007</Sku></GetStock>'));
      assert.equal(call?.header('soapaction'), version === '1.1' ? '"GetStock"' : undefined);
      let answered = await ask(name, of(fault(theirs), 500), path);
      assertProblem(answered.response, 502, 'integration.soap_fault');
      for (let i = 0; i < 20 && answered.calls.length > 0; i++)
        answered = await ask(name, of(fault(theirs), 500), path);
      assertProblem(answered.response, 503, 'upstream.breaker_open');
    });
  }
});
