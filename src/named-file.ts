// Files that a configuration names: opened without waiting for anybody, and read only when they are files, of a size that is held
// in memory. A pipe or a device would hold a reload, and the end of the process behind it, for ever.
import { closeSync, constants, createReadStream, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';

/** Far above any configuration, schema or certificate. */
const LARGEST_BYTES = 64 * 1024 ** 2;

/** Opening a pipe would wait for one who writes to it; a terminal must not become that of the process. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** There is something of that name, but not what can be read. */
export class UnfitFile extends Error {
  override readonly name = 'UnfitFile';
  /** What it is instead, as the end of a sentence about it. */
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.reason = reason;
  }
}

/**
 * Reads a regular file, or what links to one.
 *
 * @throws {UnfitFile} it is something else, or larger than `maxBytes`; otherwise what the system says
 */
export async function readNamedFile(path: string, maxBytes = LARGEST_BYTES): Promise<Buffer> {
  const handle = await open(path, FLAGS);
  try {
    assertFit(path, await handle.stat(), maxBytes);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** As {@link readNamedFile}, for what cannot wait. */
export function readNamedFileSync(path: string): Buffer {
  const descriptor = openSync(path, FLAGS);
  try {
    assertFit(path, fstatSync(descriptor), LARGEST_BYTES);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads to its end whatever can be read, a pipe too: for one who reads it once and does nothing else meanwhile. */
export async function readToEnd(path: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const stream: AsyncIterable<Buffer> = createReadStream(path);
  for await (const piece of stream) {
    bytes += piece.length;
    if (bytes > LARGEST_BYTES) throw tooLarge(path, LARGEST_BYTES);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function assertFit(path: string, stats: Stats, maxBytes: number): void {
  if (stats.isDirectory()) throw new UnfitFile(path, 'it is a directory');
  if (!stats.isFile()) {
    const kind = stats.isFIFO() ? 'pipe' : 'device';
    throw new UnfitFile(
      path,
      `it is a ${kind}, not a file that can be read again when it changes: name a regular file`,
    );
  }
  if (stats.size > maxBytes) throw tooLarge(path, maxBytes);
}

function tooLarge(path: string, maxBytes: number): UnfitFile {
  return new UnfitFile(path, `it is larger than ${maxBytes / 1024 ** 2} MiB`);
}
