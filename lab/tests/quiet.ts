/** Waits until nothing is left over of what brought the lab up: a probe has one second, and shares two processors with it. */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { unreadyNodes, unreadyPods } from '../cluster/readiness.js';
import type { Lab } from '../lab.js';

/** What is seen over a stretch of two seconds. */
export interface Look {
  /** Of all processors, 0 to 1. */
  readonly busy: number;
  /** Written, and not on the disk yet. */
  readonly dirtyMiB: number;
  /** Nodes and pods. */
  readonly unready: readonly string[];
}

/** A lab at rest takes a third of two processors. */
const mostBusy = 0.7;
const mostDirtyMiB = 64;
/** One quiet look may lie between two bursts. */
const quietLooks = 3;
const mostMs = 120_000;
const stretchMs = 2_000;

/** In words; empty if it is quiet. */
export function unrestOf({ busy, dirtyMiB, unready }: Look): string {
  return [
    ...(busy > mostBusy ? [`processors are ${(busy * 100).toFixed(0)} % busy`] : []),
    ...(dirtyMiB > mostDirtyMiB ? [`${dirtyMiB.toFixed(0)} MiB are not on the disk yet`] : []),
    ...(unready.length > 0 ? [`not Ready: ${unready.join(', ')}`] : []),
  ].join('; ');
}

/** Busy and all jiffies of the line `cpu` of /proc/stat (proc(5)): idle and iowait are the fourth and the fifth. */
export function jiffiesIn(stat: string): { readonly busy: number; readonly all: number } {
  const numbers = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number).slice(0, 8);
  const all = numbers.reduce((sum, one) => sum + one, 0);
  return { busy: all - (numbers[3] ?? 0) - (numbers[4] ?? 0), all };
}

/** Dirty and Writeback of /proc/meminfo. */
export function dirtyMiBIn(meminfo: string): number {
  return [...meminfo.matchAll(/^(?:Dirty|Writeback): +(\d+) kB$/gm)].reduce((sum, [, kib]) => sum + Number(kib), 0) / 1024;
}

/** Looks until three looks in a row are quiet, for two minutes at most. The line says what came of it. */
export async function untilQuiet(look: () => Promise<Look>, now: () => number): Promise<string> {
  const startedAtMs = now();
  const seconds = (): string => `${((now() - startedAtMs) / 1000).toFixed(0)} s`;
  for (let quiet = 0; ; ) {
    const unrest = unrestOf(await look());
    quiet = unrest === '' ? quiet + 1 : 0;
    if (quiet >= quietLooks) return `quiet after ${seconds()}`;
    if (now() - startedAtMs >= mostMs) return `NOT quiet after ${seconds()}: ${unrest === '' ? 'it comes and goes' : unrest}; probes that fail now may be the machine's`;
  }
}

export function waitForQuiet(lab: Lab): Promise<string> {
  return untilQuiet(
    async () => {
      const before = jiffiesIn(readFileSync('/proc/stat', 'utf8'));
      await sleep(stretchMs);
      const after = jiffiesIn(readFileSync('/proc/stat', 'utf8'));
      const busy = (after.busy - before.busy) / Math.max(1, after.all - before.all);
      const dirtyMiB = dirtyMiBIn(readFileSync('/proc/meminfo', 'utf8'));
      // To ask is work as well: only where it is quiet otherwise.
      const unready = unrestOf({ busy, dirtyMiB, unready: [] }) === '' ? await unreadyIn(lab) : [];
      return { busy, dirtyMiB, unready };
    },
    () => performance.now(),
  );
}

async function unreadyIn(lab: Lab): Promise<string[]> {
  try {
    return [...(await unreadyNodes(lab)), ...(await unreadyPods(lab))];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
