/** A lab of another layout that is up takes processors away from the one that is measured: its nodes stand still meanwhile. */

import { type Lab, type LabPaths, labPaths, openLab, readShape } from '../lab.js';
import { type Layout, type LayoutName, layouts } from '../layout.js';
import { withLock } from '../lock.js';
import { freezeNode, nodesWithCgroups, thawNodesAtOnce } from '../node/cgroups.js';

/** Does the work while every other lab stands still, and lets them go on whatever comes of it, an end of this process by a signal too. */
export async function whileOthersStandStill<Result>(layout: LayoutName, print: (line: string) => void, work: () => Promise<Result>): Promise<Result> {
  const others = Object.values(layouts)
    .filter(({ name }) => name !== layout)
    .map(({ name }) => labPaths(name))
    .filter((paths) => readShape(paths) !== undefined && nodesWithCgroups(paths.layout).length > 0);
  return others.reduceRight((inner, paths) => () => whileStill(paths, print, inner), work)();
}

/** Of a runner that was ended by SIGKILL nothing else lets the nodes go on. */
export function letGoOn(layout: Layout): void {
  thawNodesAtOnce(layout);
}

/** Whoever wants to change that lab meanwhile is told by its lock. One that somebody is changing is left alone. */
async function whileStill<Result>(paths: LabPaths, print: (line: string) => void, work: () => Promise<Result>): Promise<Result> {
  const name = paths.layout.name;
  let isOurs = false;
  try {
    return await withLock(paths, 'test (of another layout)', async () => {
      isOurs = true;
      return stillDuring(openLab({ paths }), work);
    });
  } catch (error) {
    if (isOurs) throw error;
    print(`the lab of layout ${name} goes on beside this one: ${error instanceof Error ? error.message : String(error)}`);
    return work();
  }
}

async function stillDuring<Result>({ layout }: Lab, work: () => Promise<Result>): Promise<Result> {
  const goOn = (): void => thawNodesAtOnce(layout);
  process.on('exit', goOn);
  try {
    await Promise.all(nodesWithCgroups(layout).map((node) => freezeNode(layout, node, 'FROZEN')));
    return await work();
  } finally {
    goOn();
    process.off('exit', goOn);
  }
}
