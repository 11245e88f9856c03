/** One more worker, joined as an administrator would. The runner holds the lab's lock. */

import { joinNextWorker } from '../join.js';
import { type Lab, workerNode } from '../lab.js';
import { Stages } from '../stages.js';

export async function joinWorker(lab: Lab): Promise<{ readonly lab: Lab; readonly node: string }> {
  const node = workerNode(lab.layout, lab.shape.workers + 1).name;
  const grown = await joinNextWorker(lab, node, new Stages((line) => console.log(line)));
  return { lab: grown, node };
}
