// Gateways in a row: each adds itself to Via, and one that meets itself there has found a loop.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CleanUp } from '../support/clean-up.ts';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { assertProblem } from '../support/problems.ts';
import { type RawResponse, rawConnect, rawRequest } from '../support/raw.ts';

suite('Via', () => {
  const through = (port: number, each: CleanUp, path: string): Promise<RawResponse> =>
    rawRequest(each, port, `GET ${path} HTTP/1.1\r\nHost: a\r\nVia: 1.0 edge\r\n\r\n`);
  const routes = (to: string) => ({
    version: 1,
    upstreams: { next: to },
    routes: { all: { match: '/**', to: 'next', auth: 'none', retry: 0 } },
  });

  test('breaks the loop of a gateway that is its own upstream', async (t) => {
    const port = await closedPort();
    const { port: own, log } = await startGateway(t, {
      routes: routes(`http://127.0.0.1:${port}`),
      env: { PORT: String(port) },
    });
    const response = await through(own, t, '/loop');
    assertProblem(response, 502, 'request.loop');
    const lines = await Promise.all(
      ['upstream', 'gateway'].map((source) => log.until((line) => line['source'] === source)),
    );
    assert.deepEqual(
      lines.map(({ status }) => status),
      [502, 502],
    );
    assert.equal(log.access.length, 2, 'it went round once');
  });

  test('lets another gateway stand in the chain', async (t) => {
    const origin = await startOrigin(t);
    const inner = await startGateway(t, { routes: routes(origin.url) });
    const outer = await startGateway(t, { routes: routes(inner.url) });
    const client = await rawConnect(t, outer.port);
    const response = await client.send('GET /chain HTTP/1.0\r\nVia: 1.0 edge\r\n\r\n').response();
    assert.equal(response.status, 200);
    assert.match(
      origin.received[0]?.header('via') ?? '',
      /^1\.0 edge, 1\.0 sluice \([0-9a-f]{16}\), 1\.1 sluice \([0-9a-f]{16}\)$/,
    );
    assert.equal(origin.received[0]?.header('x-request-id'), response.header('x-request-id'));
  });
});
