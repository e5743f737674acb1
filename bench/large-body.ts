// A gigabyte through the gateway, each way: does its memory stay flat?
import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Measured } from './process.ts';
import { KEY } from './sluice-files.ts';
import { GIBIBYTE, zeros } from './zeros.ts';

const SAMPLE_EVERY_MS = 50;

export type Direction = 'download' | 'upload';

export interface LargeBodyResult {
  readonly seconds: number;
  /** Peak of resident memory during the transfer above what it was before. */
  readonly growthBytes: number;
}

export async function transfer(gateway: Measured, direction: Direction): Promise<LargeBodyResult> {
  const before = gateway.rssBytes();
  let peak = before;
  const sampler = setInterval(() => {
    peak = Math.max(peak, gateway.rssBytes());
  }, SAMPLE_EVERY_MS);
  const startedAt = performance.now();
  const bytes = direction === 'download' ? await download(gateway.port) : await upload(gateway.port);
  clearInterval(sampler);
  if (bytes !== GIBIBYTE) throw new Error(`${direction}: ${bytes} bytes of ${GIBIBYTE} arrived`);
  return { seconds: (performance.now() - startedAt) / 1000, growthBytes: peak - before };
}

async function download(port: number): Promise<number> {
  const outgoing = request({ host: '127.0.0.1', port, path: '/large', headers: { 'x-api-key': KEY } }).end();
  const [response] = await once(outgoing, 'response');
  let bytes = 0;
  for await (const chunk of response) bytes += chunk.length;
  return bytes;
}

async function upload(port: number): Promise<number> {
  const headers = { 'x-api-key': KEY, 'content-length': GIBIBYTE };
  const outgoing = request({ host: '127.0.0.1', port, path: '/large', method: 'POST', headers });
  const answered = once(outgoing, 'response');
  await pipeline(zeros(), outgoing);
  const [response] = await answered;
  return Number(await text(response));
}
