import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOk } from './origin.ts';
import { rawConnect } from './raw.ts';
import {
  answerJson,
  answerNever,
  answerRaw,
  answersInTurn,
  answerText,
  HeldAnswers,
  mostWithin,
  startVendor,
} from './vendor.ts';
import { eventually } from './wait.ts';

const ACCOUNT = { id: 'us:', secret: 'a secret', expiresInS: 3600 };

test('answers as scripted, in turn, the last for ever', async (t) => {
  const vendor = await startVendor(t, {
    answer: answersInTurn(
      answerJson({ busy: true }, 429, { 'retry-after': '1' }),
      answerText('text/html', '<p>'),
      answerJson(1),
    ),
  });
  const limited = await fetch(`${vendor.url}/v1/rates?a=1`, { method: 'POST', body: '{}' });
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), '1');
  assert.deepEqual(await limited.json(), { busy: true });
  assert.equal((await fetch(vendor.url)).headers.get('content-type'), 'text/html');
  assert.equal(await (await fetch(vendor.url)).json(), 1);
  assert.equal(await (await fetch(vendor.url)).json(), 1);
  assert.equal((await vendor.call(0)).url, '/v1/rates?a=1');
  assert.equal(vendor.calls.length, 4);
});

test('writes any bytes, ends or resets behind them, or says nothing', async (t) => {
  const vendor = await startVendor(t, {
    answer: answerRaw('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', 'reset'),
  });
  const call = 'GET / HTTP/1.1\r\nHost: v\r\n\r\n';
  const reset = await (await rawConnect(t, vendor.port)).send(call).rest();
  assert.equal(reset.ending, 'rst');
  vendor.answer(answerRaw('not HTTP'));
  const ended = await (await rawConnect(t, vendor.port)).send(call).rest();
  assert.equal(ended.ending, 'fin');
  assert.equal(ended.bytes.toString(), 'not HTTP');
  vendor.answer(answerNever);
  const silent = (await rawConnect(t, vendor.port)).send(call);
  await vendor.call(2);
  silent.reset();
});

test('gives tokens to who has the account, until they are revoked', async (t) => {
  const vendor = await startVendor(t, { account: ACCOUNT });
  const basic = Buffer.from(`${encodeURIComponent(ACCOUNT.id)}:${encodeURIComponent(ACCOUNT.secret)}`);
  const ask = (headers: Record<string, string>, form: Record<string, string>): Promise<Response> =>
    fetch(vendor.tokenUrl, { method: 'POST', headers, body: new URLSearchParams(form) });
  const grant = { grant_type: 'client_credentials' };

  assert.equal((await ask({}, grant)).status, 401);
  assert.equal((await ask({ authorization: `Basic ${basic.toString('base64')}` }, {})).status, 400);
  const byBody = await ask({}, { ...grant, client_id: ACCOUNT.id, client_secret: ACCOUNT.secret });
  assert.equal(byBody.status, 200);
  const byBasic = await ask({ authorization: `Basic ${basic.toString('base64')}` }, grant);
  assert.deepEqual(await byBasic.json(), { access_token: 'token-4', token_type: 'Bearer', expires_in: 3600 });

  const call = (token: string): Promise<Response> =>
    fetch(vendor.url, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await call('token-4')).status, 200);
  assert.equal((await call('token-5')).status, 401);
  vendor.revokeTokens();
  assert.equal((await call('token-4')).status, 401);
  assert.equal(vendor.tokenRequests.length, 4);
  assert.equal(vendor.calls.length, 3);
});

test('holds answers back, and counts what is in flight meanwhile', async (t) => {
  const held = new HeldAnswers(answerOk);
  const vendor = await startVendor(t, { answer: held.answer });
  const calls = [1, 2, 3].map((each) => fetch(`${vendor.url}/${each}`));
  await eventually(() => held.size === 3, 'three calls held');
  held.release(2);
  await Promise.any(calls);
  assert.equal(held.size, 1);
  held.release();
  assert.deepEqual(
    (await Promise.all(calls)).map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal((await fetch(vendor.url)).status, 200);
  assert.equal(vendor.mostInFlight, 3);
  assert.ok(mostWithin(vendor.calls, 60_000) === 4, 'all of them arrived within a minute');
  await vendor.stop();
  await assert.rejects(fetch(vendor.url));
});
