// `--profile`: where the CPU time of each of ours goes, by stage and by function.
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Effort, loadOnce, measure, type Site, withContenders } from './measure.ts';
import { spread } from './report/summary.ts';
import type { Comparison, Contender } from './scenario.ts';
import { type Breakdown, breakDown, type CpuProfile } from './stages.ts';

/** µs between two samples: some thousand a second are enough, and cost little. */
const INTERVAL_US = 250;
const LEAST_SECONDS = 5;

export interface Profile {
  readonly contender: string;
  readonly unit: string;
  /** Measured without the profiler. */
  readonly cpuMicrosPerUnit: number;
  /** By the profiler; its µs are scaled to those that were measured. */
  readonly breakdown: Breakdown;
}

/** Profiles each contender of ours, by itself. */
export async function profile(comparison: Comparison, site: Site, effort: Effort): Promise<readonly Profile[]> {
  const profiles: Profile[] = [];
  for (const contender of comparison.contenders) {
    if (!contender.ours) continue;
    const alone: Comparison = { ...comparison, contenders: [contender] };
    const samples = (await measure(alone, site, effort)).get(contender.name) ?? [];
    profiles.push({
      contender: contender.name,
      unit: comparison.unit,
      cpuMicrosPerUnit: spread(samples.map(({ cpuMicrosPerUnit }) => cpuMicrosPerUnit)).median,
      breakdown: await record(alone, site, { ...effort, seconds: Math.max(effort.seconds, LEAST_SECONDS) }),
    });
  }
  return profiles;
}

async function record(
  comparison: Pick<Comparison, 'origin'> & { readonly contenders: readonly Contender[] },
  site: Site,
  { seconds, warmUpSeconds }: Effort,
): Promise<Breakdown> {
  const folder = await mkdtemp(join(site.directory, 'profile-'));
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_US}`];
  let [from, to, pid] = [0, 0, 0];
  await withContenders(comparison, { ...site, nodeFlags }, async ([running]) => {
    if (running === undefined) throw new Error('there is nothing to profile');
    await loadOnce(running, { seconds: warmUpSeconds, directory: site.directory });
    pid = running.measured.pid;
    from = monotonicMicros();
    await loadOnce(running, { seconds, directory: site.directory });
    to = monotonicMicros();
  });
  return breakDown(await readProfile(folder, pid), from, to);
}

/** Of the main thread: `CPU.DATE.TIME.PID.0.N.cpuprofile`. */
async function readProfile(folder: string, pid: number): Promise<CpuProfile> {
  const file = (await readdir(folder)).find((name) => name.includes(`.${pid}.0.`));
  if (file === undefined) throw new Error('the profile was not written: the process did not end by itself');
  return JSON.parse(await readFile(join(folder, file), 'utf8'));
}

/** The clock of the profiler: the same for all processes of a machine. */
function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
