// Tells when files may have changed: at once where the system says so, within seconds where it does not (network file systems,
// a mounted volume that swaps a symbolic link two folders up).
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** Editors and deploy tools write in several steps; the last of them counts. */
const SETTLE_MS = 50;
const SWEEP_MS = 2_000;
/** File systems stamp with the clock of the last tick, which may be this far behind. */
const STAMP_GRAIN_MS = 20;

/** What was known of the files at a moment; see {@link FileWatcher.mark}. */
export interface Mark {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly prints: Prints;
}

/** File → what tells one state of it from another; '' when there is no such file. */
type Prints = ReadonlyMap<string, string>;

export class FileWatcher {
  readonly #onChange: () => void;
  readonly #folders = new Map<string, FSWatcher>();
  #files: readonly string[] = [];
  #names: ReadonlySet<string> = new Set();
  #prints: Prints = new Map();
  #settle: NodeJS.Timeout | undefined = undefined;
  readonly #sweep: NodeJS.Timeout;
  #closed = false;

  /** @param onChange called after something changed, never twice for one change; not while it is still changing. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#sweep = setInterval(() => void this.#look(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** Take one before the files are read, so that what changes meanwhile does not go unseen. */
  async mark(): Promise<Mark> {
    const atMs = Date.now();
    return { atMs, prints: await printsOf(this.#files) };
  }

  /**
   * Watches these files from now on, absolute paths, existing or not. A folder is watched, so that a rename is seen, too.
   *
   * @param since from before they were read.
   * @returns whether they still are as they were then; if not, `onChange` follows.
   */
  async follow(files: readonly string[], since: Mark): Promise<boolean> {
    const prints = await printsOf(files);
    if (this.#closed) return true;
    this.#files = files;
    this.#names = new Set(files.map((file) => basename(file)));
    this.#watchFolders(new Set(files.map((file) => dirname(file))));
    const changed = await changedSince(since, prints);
    this.#prints = changed ? new Map() : prints;
    if (changed) this.#stir();
    return !changed;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    clearTimeout(this.#settle);
    for (const watcher of this.#folders.values()) watcher.close();
  }

  #watchFolders(wanted: ReadonlySet<string>): void {
    for (const [folder, watcher] of this.#folders) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#open(folder);
  }

  #open(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        // A log file that grows in the same folder says nothing; any rename may be of a link on the way to a file.
        if (event === 'rename' || name === null || this.#names.has(name)) this.#stir();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#folders.delete(folder);
      });
      this.#folders.set(folder, watcher);
    } catch {
      // No such folder, or no more watches to be had: the sweep still sees the files.
    }
  }

  #stir(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => void this.#look(), SETTLE_MS);
    this.#settle.unref();
  }

  async #look(): Promise<void> {
    const files = this.#files;
    const prints = await printsOf(files);
    if (this.#closed || files !== this.#files || files.every((file) => prints.get(file) === this.#prints.get(file)))
      return;
    this.#prints = prints;
    this.#onChange();
  }
}

async function printsOf(files: readonly string[]): Promise<Prints> {
  const each = files.map(async (file): Promise<[string, string]> => {
    const found = await stat(file, { bigint: true }).catch(() => undefined);
    return [
      file,
      found === undefined ? '' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`,
    ];
  });
  return new Map(await Promise.all(each));
}

/** Whether a file is not as the mark has it; one that the mark does not know, whether it changed at or after its time. */
async function changedSince({ atMs, prints }: Mark, now: Prints): Promise<boolean> {
  const unknown: string[] = [];
  for (const [file, print] of now) {
    const before = prints.get(file);
    if (before === undefined) unknown.push(file);
    else if (before !== print) return true;
  }
  const times = await Promise.all(
    unknown.map((file) =>
      stat(file).then(
        // A rename changes the time of the inode alone.
        ({ mtimeMs, ctimeMs }) => Math.max(mtimeMs, ctimeMs),
        () => 0,
      ),
    ),
  );
  return times.some((each) => each >= atMs - STAMP_GRAIN_MS);
}
