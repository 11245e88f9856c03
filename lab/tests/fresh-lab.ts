/** A lab as it was right after it was made: every scenario begins there, whatever the one before left behind. */

import { type Lab, labPaths, openLab } from '../lab.js';
import { layoutOf, type LayoutName } from '../layout.js';
import { restoreSnapshot } from '../snapshot/restore.js';
import { Stages } from '../stages.js';
import { waitForQuiet } from './quiet.js';

export const freshSnapshot = 'fresh';

/** The layout of the scenario as the runner says it: the same files of tests run on the labs of several. */
export function layoutOfScenario(): LayoutName {
  return layoutOf(process.env.ROTATE_CA_TEST_LAYOUT) ?? 'kubeadm';
}

/** Restores the snapshot `fresh` and waits until all is Ready and the machine quiet. The runner holds the lab's lock. */
export async function freshLab(layout: LayoutName = layoutOfScenario()): Promise<Lab> {
  endWithParent();
  const paths = labPaths(layout);
  const lines: string[] = [];
  const started = performance.now();
  await restoreSnapshot(paths, freshSnapshot, new Stages((line) => void lines.push(line)));
  console.log(`lab restored in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  const lab = openLab({ paths });
  console.log(`the machine is ${await waitForQuiet(lab)}`);
  return lab;
}

/** The lab as it stands, for what comes after another scenario. */
export function standingLab(): Lab {
  endWithParent();
  return openLab({ paths: labPaths(layoutOfScenario()) });
}

/** A test whose runner was killed must not go on with the lab. */
function endWithParent(): void {
  process.once('disconnect', () => process.exit(1));
}
