// Names of targets to addresses. A name server that is slow or gone is not an outage: the last good answer is used.
import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

const FRESH_MS = 5_000;
/** How long a connect waits for a fresh answer when it already has an old one. */
const PATIENCE_MS = 100;

type Answer = readonly LookupAddress[];
type Receive = (error: NodeJS.ErrnoException | null, answer: Answer) => void;
/** Asks the system: hosts file, search domains and name servers, in its order. */
export type Ask = (
  name: string,
  options: LookupAllOptions,
  receive: (error: NodeJS.ErrnoException | null, answer: LookupAddress[]) => void,
) => void;

interface Entry {
  answer: Answer | undefined;
  answeredAt: number;
  askedAt: number;
  asking: boolean;
  waiting: Set<Receive>;
}

export interface ResolverOptions {
  /** A name that has an old answer could not be looked up anew. */
  readonly onStale?: (name: string, error: NodeJS.ErrnoException) => void;
  readonly ask?: Ask;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/**
 * A cache in front of `dns.lookup`, shared by all upstreams of a gateway and by its configurations. One question per name is
 * under way at a time, so that a crawling name server cannot occupy the thread pool.
 */
export class Resolver {
  readonly #entries = new Map<string, Entry>();
  readonly #options: ResolverOptions;
  readonly #ask: Ask;
  readonly #now: () => number;

  constructor(options: ResolverOptions = {}) {
    this.#options = options;
    this.#ask = options.ask ?? lookup;
    this.#now = options.now ?? (() => performance.now());
  }

  /** For the `lookup` option of `net.connect` and `tls.connect`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.#resolve(name, (error, answer) => {
      const fitting = addressesOf(answer, options.family);
      const [first] = fitting;
      if (error !== null) callback(error, []);
      else if (first === undefined) callback(notFound(name), []);
      else if (options.all === true) callback(null, fitting);
      else callback(null, first.address, first.family);
    });
  };

  #resolve(name: string, receive: Receive): void {
    const entry = this.#entry(name);
    const now = this.#now();
    if (entry.answer !== undefined && now - entry.answeredAt < FRESH_MS) {
      const { answer } = entry;
      // Never before the socket has its listeners.
      process.nextTick(receive, null, answer);
      return;
    }
    if (!entry.asking) this.#refresh(name, entry);
    if (entry.answer === undefined) {
      entry.waiting.add(receive);
      return;
    }
    this.#waitBriefly(entry, entry.answer, receive, entry.askedAt + PATIENCE_MS - now);
  }

  #waitBriefly(entry: Entry, old: Answer, receive: Receive, patienceMs: number): void {
    if (patienceMs <= 0) {
      process.nextTick(receive, null, old);
      return;
    }
    const settle: Receive = (error, answer) => {
      clearTimeout(timer);
      entry.waiting.delete(settle);
      receive(error, answer);
    };
    const timer = setTimeout(settle, patienceMs, null, old);
    entry.waiting.add(settle);
  }

  #entry(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = { answer: undefined, answeredAt: 0, askedAt: 0, asking: false, waiting: new Set() };
    this.#entries.set(name, entry);
    return entry;
  }

  #refresh(name: string, entry: Entry): void {
    entry.asking = true;
    entry.askedAt = this.#now();
    this.#ask(name, { all: true }, (error, addresses) => {
      entry.asking = false;
      if (error === null && addresses.length > 0) {
        entry.answer = addresses;
        entry.answeredAt = this.#now();
      }
      const failure = entry.answer === undefined ? (error ?? notFound(name)) : null;
      if (error !== null && failure === null) this.#options.onStale?.(name, error);
      const { waiting } = entry;
      entry.waiting = new Set();
      for (const receive of waiting) receive(failure, entry.answer ?? []);
    });
  }
}

function addressesOf(answer: Answer, family: string | number | undefined): LookupAddress[] {
  const wanted = family === 'IPv4' || family === 4 ? 4 : family === 'IPv6' || family === 6 ? 6 : 0;
  return answer.filter((each) => wanted === 0 || isIP(each.address) === wanted);
}

function notFound(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND', hostname: name });
}
