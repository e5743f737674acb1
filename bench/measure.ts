// Rounds of a comparison: all contenders are up at once and take turns (A B C A B C), so that a noisy minute hits them all.
import { startOrigin } from './origin.ts';
import type { Measured } from './process.ts';
import type { Comparison, Contender, Ground, LoadOptions } from './scenario.ts';

/** One contender in one round. */
export interface Sample {
  readonly cpuMicrosPerUnit: number;
  readonly unitsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssBytes: number;
  /** Time in line for its core, as a share of that and its CPU time: somebody else computes there. */
  readonly waitShare: number;
}

/** Contender → its samples, in the order of the rounds. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  /** Before the first round: until the compiler has settled and the pools are open. */
  readonly warmUpSeconds: number;
}

/** What a run gives to all that it starts. */
export type Site = Omit<Ground, 'originPort'>;

/** Measures every contender of a comparison, one round of each after the other; stops all it started, whatever happens. */
export async function measure(
  comparison: Pick<Comparison, 'contenders' | 'origin'>,
  site: Site,
  { rounds, seconds, warmUpSeconds }: Effort,
  onRound: (round: number) => void = () => undefined,
): Promise<Samples> {
  const samples = new Map<string, Sample[]>(comparison.contenders.map(({ name }) => [name, []]));
  await withContenders(comparison, site, async (running) => {
    for (const each of running) await loadOnce(each, { seconds: warmUpSeconds, directory: site.directory });
    for (let round = 1; round <= rounds; round++) {
      onRound(round);
      for (const each of running) {
        samples.get(each.contender.name)?.push(await loadOnce(each, { seconds, directory: site.directory }));
      }
    }
  });
  return samples;
}

export interface Running {
  readonly contender: Contender;
  readonly measured: Measured;
}

/** Starts the origin and all contenders, does what is to be done with them, and stops them. */
export async function withContenders(
  { contenders, origin: startOwnOrigin = startOrigin }: Pick<Comparison, 'contenders' | 'origin'>,
  site: Site,
  use: (running: readonly Running[]) => Promise<void>,
): Promise<void> {
  const origin = await startOwnOrigin(site.directory);
  const running: Running[] = [];
  try {
    for (const contender of contenders) {
      running.push({ contender, measured: await contender.start({ ...site, originPort: origin.port }) });
    }
    await use(running);
  } finally {
    await Promise.all([origin, ...running.map(({ measured }) => measured)].map((measured) => measured.stop()));
  }
}

/** One round of one contender; throws, in its name, when it answered anything but what was wanted. */
export async function loadOnce({ contender, measured }: Running, options: LoadOptions): Promise<Sample> {
  const [cpuBefore, waitBefore] = [measured.cpuMicros(), measured.waitMicros()];
  try {
    const { units, unitsPerSecond, p50Ms, p99Ms } = await contender.load(measured.port, options);
    const [cpu, wait] = [measured.cpuMicros() - cpuBefore, measured.waitMicros() - waitBefore];
    const rssBytes = measured.rssBytes();
    return { cpuMicrosPerUnit: cpu / units, unitsPerSecond, p50Ms, p99Ms, rssBytes, waitShare: wait / (cpu + wait) };
  } catch (error) {
    throw new Error([contender.name, messageOf(error), measured.said].filter((text) => text !== '').join('\n'), {
      cause: error,
    });
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
