/** Timing of two ways in turns, so that what else the machine does falls on both. */

export type Work = () => Promise<unknown> | unknown;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** ms that a piece of work took. */
export async function timeOf(work: Work): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** ms of processor time that a piece of work took in this process: it depends less than the clock on what else runs. */
export async function processorTimeOf(work: Work): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** On a busy machine fewer rounds are taken than asked for, but at least one: the whole bench is to stay under a minute. */
export const budgetMs = 3_000;

/** Medians in ms. One round of each goes before and does not count: it loads, compiles and connects. `by`: the clock, unless work that waits for nothing asks for processor time. */
export async function inTurns(ours: Work, baseline: Work, options: { readonly rounds: number; readonly by?: typeof timeOf }): Promise<{ ours: number; baseline: number }> {
  const { rounds, by = timeOf } = options;
  await ours();
  await baseline();
  const times: { ours: number[]; baseline: number[] } = { ours: [], baseline: [] };
  const end = performance.now() + budgetMs;
  for (let round = 0; round < rounds && (round === 0 || performance.now() < end); round++) {
    times.ours.push(await by(ours));
    times.baseline.push(await by(baseline));
  }
  return { ours: median(times.ours), baseline: median(times.baseline) };
}

/** Runs work n times, at most `atOnce` at a time. */
export async function repeat(n: number, atOnce: number, work: Work): Promise<void> {
  let left = n;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
