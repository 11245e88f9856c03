/** One more worker, joined as an administrator would. The runner holds the lab's lock. */

import { joinNextWorker } from '../join.js';
import type { Lab } from '../lab.js';
import { Stages } from '../stages.js';

export async function joinWorker(lab: Lab): Promise<{ readonly lab: Lab; readonly node: string }> {
  const node = `w${lab.shape.workers + 1}`;
  const grown = await joinNextWorker(lab, node, new Stages((line) => console.log(line)));
  return { lab: grown, node };
}
