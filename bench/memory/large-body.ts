// A gibibyte through the gateway, each way: does its memory stay flat?
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { BODY_FILES } from '../body-files.ts';
import type { Fact, Ground } from '../scenario.ts';
import { KEY } from '../sluice-files.ts';
import { GIBIBYTE, zeros } from '../zeros.ts';
import { type Probed, probe } from './probed.ts';

const MEBIBYTE = 2 ** 20;
const SAMPLE_EVERY_MS = 100;
const WARM_UP_BYTES = 256 * MEBIBYTE;

/** @param ground with the origin of bodies. */
export async function largeBodies(ground: Ground): Promise<readonly Fact[]> {
  return probe(BODY_FILES, ground, async (gateway) => [
    ...(await watched('1 GiB down', gateway, download)),
    ...(await watched('1 GiB up', gateway, upload)),
  ]);
}

type Transfer = (port: number, bytes: number) => Promise<number>;

async function watched(name: string, gateway: Probed, transfer: Transfer): Promise<readonly Fact[]> {
  await transfer(gateway.port, WARM_UP_BYTES);
  const before = await gateway.held();
  let [heap, rss] = [0, 0];
  const over = new AbortController();
  const sampling = (async () => {
    for (; !over.signal.aborted; await sleep(SAMPLE_EVERY_MS)) {
      const now = await gateway.held();
      heap = Math.max(heap, now.heapUsed + now.external - before.heapUsed - before.external);
      rss = Math.max(rss, now.rss - before.rss);
    }
  })();
  const bytes = await transfer(gateway.port, GIBIBYTE).finally(() => over.abort());
  await sampling;
  if (bytes !== GIBIBYTE) throw new Error(`${name}: ${bytes} bytes of ${GIBIBYTE} arrived`);
  return [
    { name: `${name}: growth of heap and buffers at most`, value: heap / MEBIBYTE, unit: 'MiB', atMost: 16 },
    { name: `${name}: growth of resident memory at most`, value: rss / MEBIBYTE, unit: 'MiB' },
  ];
}

async function download(port: number, bytes: number): Promise<number> {
  const outgoing = request({ host: '127.0.0.1', port, path: `/bodies/${bytes}`, headers: { 'x-api-key': KEY } }).end();
  const [response]: IncomingMessage[] = await once(outgoing, 'response');
  let arrived = 0;
  for await (const chunk of response ?? []) arrived += chunk.length;
  return arrived;
}

async function upload(port: number, bytes: number): Promise<number> {
  const headers = { 'x-api-key': KEY, 'content-length': bytes };
  const outgoing = request({ host: '127.0.0.1', port, path: '/bodies', method: 'POST', headers });
  const answered = once(outgoing, 'response');
  await pipeline(zeros(bytes), outgoing);
  const [response]: IncomingMessage[] = await answered;
  return response === undefined ? 0 : Number(await text(response));
}
