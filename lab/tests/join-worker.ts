/** One more worker, joined as an administrator would. */

import { joinNextWorker } from '../join.js';
import type { Lab } from '../lab.js';
import { withLock } from '../lock.js';
import { Stages } from '../stages.js';

export async function joinWorker(lab: Lab): Promise<{ readonly lab: Lab; readonly node: string }> {
  const node = `w${lab.shape.workers + 1}`;
  const grown = await withLock(lab.paths, 'test: join', () => joinNextWorker(lab, node, new Stages((line) => console.log(line))));
  return { lab: grown, node };
}
