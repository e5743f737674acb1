// What a benchmark is made of. A file in `scenarios/` exports one as its default; nothing else has to know of it.
import type { Measured } from './process.ts';

/** What a proxy is started with. */
export interface Ground {
  /** For its own files; gone after the run. */
  readonly directory: string;
  readonly originPort: number;
  /** Root of the checkout that Sluice is started from: this one, or the one it is compared with. */
  readonly source: string;
  /** For Sluice's own Node, to profile it. */
  readonly nodeFlags: readonly string[];
}

export type Starter = (ground: Ground) => Promise<Measured>;

export interface LoadOptions {
  readonly seconds: number;
  readonly directory: string;
}

/** What one round of load saw. A unit is a request, or what the scenario says. */
export interface LoadResult {
  readonly units: number;
  readonly unitsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Loads the server at this port, and throws when an answer was not of the wanted kind: then nothing was measured. */
export type Load = (port: number, options: LoadOptions) => Promise<LoadResult>;

export interface Contender {
  readonly name: string;
  readonly start: Starter;
  readonly load: Load;
  /** It is Sluice: `--compare` runs it from both checkouts, `--profile` profiles it. */
  readonly ours?: boolean;
}

/** What a goal is about. `cpu`: µs of the proxy's processes per unit. */
export type Measure = 'cpu' | 'throughput' | 'p50' | 'p99';

/** What `subject` may at most, or must at least, have as a multiple of what `against` has. */
export type Goal = {
  readonly subject: string;
  readonly against: string;
  readonly measure: Measure;
} & ({ readonly atMost: number } | { readonly atLeast: number } | { readonly atMostMsMore: number });

/** Contenders that are up at once and take turns, round after round. */
export interface Comparison {
  readonly kind: 'comparison';
  /** Name of its file. */
  readonly name: string;
  /** What is measured, in half a sentence; heads its table. */
  readonly title: string;
  /** What is counted: `request`, `message`. */
  readonly unit: string;
  /** Behind all contenders; left out: nginx with 406 bytes of JSON. */
  readonly origin?: (directory: string) => Promise<Measured>;
  readonly contenders: readonly Contender[];
  readonly goals: readonly Goal[];
  /** Peers that this machine does not have. */
  readonly absent: readonly string[];
}

/** Something found out once rather than round after round: a start, a resident size. */
export interface Fact {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Left out: nothing is asked of it. */
  readonly atMost?: number;
}

/** Measures Sluice alone. */
export interface Probe {
  readonly kind: 'probe';
  readonly name: string;
  readonly title: string;
  readonly run: (ground: Ground) => Promise<readonly Fact[]>;
}

export type Scenario = Comparison | Probe;
