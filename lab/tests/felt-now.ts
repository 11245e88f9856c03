/** Whether the programs that run at this moment get on with the API, whatever became of those before them. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.js';
import { readCounters } from '../workloads/counters.js';
import type { FeltRecord } from '../workloads/felt-record.js';
import { judgeFelt } from '../workloads/felt-verdict.js';
import { getJson } from '../workloads/kube-objects.js';

/** `name activity` of what fails, `name` of what is silent, and the number of programs. */
export interface FeltNow {
  readonly programs: number;
  readonly unrecovered: readonly string[];
  readonly silent: readonly string[];
  /** How long it took until all was well. */
  readonly seconds: number;
}

/** The one program outside of the cluster. */
const outside = 'external';

/**
 * A cutover makes void what pods hold: one whose token was refused until its end could not write its last words, so only the newest
 * run of each pod that is there counts. Read again until all is well, or for so long.
 */
export async function feltNow(lab: Lab, withinMs: number): Promise<FeltNow> {
  const startedAt = Date.now();
  for (;;) {
    const { items } = await getJson<{ items: readonly { readonly metadata: { readonly name: string; readonly deletionTimestamp?: string } }[] }>(lab, [
      'pods',
      '-A',
      '-l',
      'felt=program',
    ]);
    const names = [...items.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.name] : [])), outside];
    const newest = newestRuns(await readCounters(lab), names);
    const { unrecovered, vanished } = judgeFelt(newest, Date.now());
    const heard = new Set(newest.map(({ name }) => name));
    const silent = [...vanished, ...names.filter((name) => !heard.has(name))];
    const seconds = (Date.now() - startedAt) / 1000;
    if ((unrecovered.length === 0 && silent.length === 0) || Date.now() - startedAt > withinMs) return { programs: names.length, unrecovered, silent, seconds };
    await sleep(1_000);
  }
}

function newestRuns(records: readonly FeltRecord[], names: readonly string[]): FeltRecord[] {
  return names.flatMap((name) => {
    const [newest] = records.filter((record) => record.name === name).sort((a, b) => b.startedAt - a.startedAt);
    return newest === undefined ? [] : [newest];
  });
}
