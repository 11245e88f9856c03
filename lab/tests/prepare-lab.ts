/** Brings the lab to where scenarios begin: built, made, and with a snapshot `fresh` of its first minute. */

import { existsSync } from 'node:fs';
import { buildAll } from '../build/build-all.js';
import { down } from '../down.js';
import { type ClusterShape, defaultShape, type LabPaths, openLab, readShape } from '../lab.js';
import { missingRequirements } from '../machine/requirements.js';
import { letGoOn } from './standing-still.js';
import { snapshotFolder, takeSnapshot } from '../snapshot/snapshot.js';
import { Stages } from '../stages.js';
import { up } from '../up.js';
import { freshSnapshot } from './fresh-lab.js';

type Print = (line: string) => void;

/** Why this machine cannot run the lab tests; empty if it can. */
export async function reasonsAgainst(paths: LabPaths): Promise<readonly string[]> {
  // Even the looks at the lab need it.
  if (process.platform === 'linux' && process.getuid?.() !== 0) return ['root'];
  const there = readShape(paths);
  const other = there === undefined ? [] : differences(paths, there);
  return [...other, ...(await missingRequirements(paths, defaultShape(paths.layout)))];
}

/** A worker that joined in a test is no other lab: the snapshot does not have it. */
function differences({ layout }: LabPaths, there: ClusterShape): string[] {
  const wanted = defaultShape(layout);
  const wrong = there.controlPlanes !== wanted.controlPlanes || there.workers < wanted.workers || there.encryptionAlgorithm !== wanted.encryptionAlgorithm;
  return wrong ? [`the lab of the tests (there is another: ${JSON.stringify(there)}; "npm run lab -- down" removes it)`] : [];
}

/**
 * Whatever an earlier run left, even one that was killed in the middle of a rotation: with a snapshot each scenario restores
 * it, and nothing of the cluster as it stands is needed; without one the cluster is gone on with, or made anew if it is broken.
 * The caller holds the lab's lock.
 */
export async function prepareLab(paths: LabPaths, print: Print): Promise<void> {
  letGoOn(paths.layout);
  if (readShape(paths) !== undefined && existsSync(snapshotFolder(paths, freshSnapshot))) {
    await buildAll(openLab({ paths }), new Stages(print));
    return;
  }
  try {
    await up(openLab({ paths }), {}, print);
  } catch (error) {
    print(`the lab that was left cannot be gone on with (${error instanceof Error ? error.message : String(error)}): it is made anew`);
    await down(paths, { all: false }, new Stages(print));
    await up(openLab({ paths }), {}, print);
  }
  await takeSnapshot(openLab({ paths }), freshSnapshot, new Stages(print));
}
