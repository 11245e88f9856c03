import { writeInventory } from './access/inventory.js';
import { writeFileAtomically } from './atomic-file.js';
import { type ClusterShape, type Lab, maxWorkers, openLab, workerNode } from './lab.js';
import { joinWorkers } from './cluster/join-nodes.js';
import { waitUntilReady } from './cluster/readiness.js';
import { bringUpBridge } from './node/bridge.js';
import { bringUpNodes } from './node/boot.js';
import type { Stages } from './stages.js';

/** Adds the next worker, as an administrator does: with a token made for it. `up` goes on with it if this is killed. */
export async function joinNextWorker(lab: Lab, name: string, stages: Stages): Promise<Lab> {
  const shape: ClusterShape = { ...lab.shape, workers: lab.shape.workers + 1 };
  const next = workerNode(lab.layout, shape.workers).name;
  if (name !== next || shape.workers > maxWorkers) {
    throw new Error(`the next node is ${next}${shape.workers > maxWorkers ? ', which is one too many' : ''}, not ${name}`);
  }
  writeFileAtomically(lab.paths.clusterFile, `${JSON.stringify(shape)}\n`, 0o644);
  const grown = openLab({ paths: lab.paths });
  const added = grown.nodes.filter((node) => node.name === name);
  writeInventory(grown);
  await stages.run(`${name} boots`, async () => {
    await bringUpBridge(grown);
    return bringUpNodes(grown, added);
  });
  await stages.run('kubeadm join', async () => {
    await joinWorkers(grown);
    return true;
  });
  await stages.run('all Ready', async () => {
    await waitUntilReady(grown, 600_000);
    return true;
  });
  return grown;
}
