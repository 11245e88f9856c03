/** rotate-ca as a process of its own that drives a run through one step, to be killed or stopped at a fact. */

import { setMaxListeners } from 'node:events';
import { openRunFolder } from '../run-folder.js';
import type { DriveOrder, EngineNews } from './engine-messages.js';
import { signatureOf } from './fact-signature.js';
import { failuresOfEnd, wrongEnd } from './judge.js';
import { driveStep } from './step-drive.js';

setMaxListeners(0);

process.once('message', (order: DriveOrder) => {
  void run(order).then((news) => process.send?.(news, () => process.exit(0)));
});
process.on('disconnect', () => process.exit(0));

async function run({ stateDir, run: name, env, pace, step, ask, at, act }: DriveOrder): Promise<EngineNews> {
  const folder = openRunFolder(stateDir, name);
  const end = await driveStep({
    folder,
    plan: folder.plan(),
    env,
    pace,
    step,
    ask,
    onFact(fact) {
      if (signatureOf(fact) !== at) return;
      // The journal has it, and nothing comes after it.
      if (act === 'kill') process.kill(process.pid, 'SIGKILL');
      process.send?.({ reached: true } satisfies EngineNews);
    },
  });
  return { state: 'view' in end ? end.view.value : 'not begun', failures: failuresOfEnd(end), wrong: wrongEnd(end) };
}
