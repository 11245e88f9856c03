import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addPeople } from './access/people.js';
import { writeFileAtomically } from './atomic-file.js';
import { buildAll } from './build/build-all.js';
import { bringUpApi } from './cluster/admin-access.js';
import { joinControlPlanes, joinWorkers } from './cluster/join-nodes.js';
import { hasJoined, initCluster, wasInterrupted } from './cluster/kubeadm.js';
import { waitUntilReady } from './cluster/readiness.js';
import { bringUpHardWayCluster } from './hard-way/cluster.js';
import { deployOnHardWay } from './hard-way/deploy.js';
import { type ClusterShape, type Lab, openLab, readShape } from './lab.js';
import { bringUpNodes, isBooted, removeNode } from './node/boot.js';
import { interruptedRestore, putBackFiles } from './snapshot/restore.js';
import { Stages } from './stages.js';
import { bringUpSurroundings } from './surroundings.js';
import { changesWorkloads } from './workloads/generations.js';

const labFolder = dirname(fileURLToPath(import.meta.url));
const minute = 60_000;

/**
 * A control plane whose init or join was killed may have left a member in etcd that never comes back. Nothing of value is
 * in the cluster at that point, so it is made anew. A worker is made anew by itself.
 */
async function discardInterrupted(lab: Lab, stages: Stages): Promise<void> {
  const halfDone = lab.nodes.filter((node) => wasInterrupted(lab, node));
  const anew = halfDone.some((node) => node.role === 'control-plane') ? lab.nodes : halfDone;
  if (anew.length === 0) return;
  stages.note(`made anew, since kubeadm was interrupted: ${anew.map((node) => node.name).join(', ')}`);
  for (const node of anew) await removeNode(lab.paths, node.name);
  if (anew === lab.nodes) {
    rmSync(lab.paths.adminKubeconfig, { force: true });
    rmSync(lab.paths.people, { recursive: true, force: true });
  }
}

async function bringUpKubeadmCluster(lab: Lab, stages: Stages): Promise<void> {
  await discardInterrupted(lab, stages);
  await stages.run('nodes boot', () => bringUpNodes(lab, lab.nodes));
  const [first] = lab.controlPlanes;
  if (first !== undefined && !hasJoined(lab, first)) {
    await stages.run('kubeadm init', async () => {
      await initCluster(lab);
      return true;
    });
  }
  await bringUpApi(lab, stages);
  await stages.run('kubeadm join', async () => {
    const complete = lab.nodes.every((node) => hasJoined(lab, node));
    await Promise.all([joinControlPlanes(lab), joinWorkers(lab)]);
    return !complete;
  });
  await stages.run('people', () => addPeople(lab));
}

async function bringUpWorkloads(lab: Lab, stages: Stages): Promise<void> {
  const report = (line: string): void => stages.note(line);
  if (lab.layout.workloads === 'subjects') {
    await stages.run('subjects of the proof', async () => {
      const { deploySubjects } = await import('./proof/subjects/deploy.js');
      return changesWorkloads(lab, () => deploySubjects(lab, report));
    });
    return;
  }
  if (!existsSync(join(labFolder, 'workloads', 'deploy.ts'))) return;
  await stages.run('workloads', async () => {
    const { deployWorkloads } = await import('./workloads/deploy.js');
    return changesWorkloads(lab, () => (lab.layout.madeBy === 'hand' ? deployOnHardWay(lab, report) : deployWorkloads(lab, { report })));
  });
}

function differences(wanted: Partial<ClusterShape>, there: ClusterShape): string[] {
  return (Object.keys(wanted) as (keyof ClusterShape)[])
    .filter((key) => wanted[key] !== undefined && wanted[key] !== there[key])
    .map((key) => `${key} is ${there[key]}, asked for ${wanted[key]}`);
}

/** Makes the lab, or what is missing of it. What is there and right is left alone. */
export async function up(lab: Lab, wanted: Partial<ClusterShape>, print: (line: string) => void): Promise<void> {
  const there = readShape(lab.paths);
  const different = there === undefined ? [] : differences(wanted, there);
  if (different.length > 0) throw new Error(`another cluster is there (${different.join('; ')}): run \`down\` first`);
  const stages = new Stages(print);
  mkdirSync(lab.paths.log, { recursive: true, mode: 0o700 });
  await buildAll(lab, stages);
  if (there === undefined) writeFileAtomically(lab.paths.clusterFile, `${JSON.stringify(lab.shape)}\n`, 0o644);
  const restoring = interruptedRestore(lab.paths);
  if (restoring !== undefined) {
    await stages.run(`files of the snapshot ${restoring}, whose restore was interrupted`, async () => {
      await putBackFiles(lab.paths, restoring);
      return true;
    });
    lab = openLab({ paths: lab.paths });
  }
  const started = new Date();
  const wasUp = lab.nodes.every((node) => isBooted(lab.paths, node.name));
  await bringUpSurroundings(lab, stages);
  await (lab.layout.madeBy === 'hand' ? bringUpHardWayCluster(lab, stages) : bringUpKubeadmCluster(lab, stages));
  await bringUpWorkloads(lab, stages);
  await stages.run('all Ready', async () => {
    await waitUntilReady(openLab({ paths: lab.paths }), 15 * minute, wasUp ? {} : { since: started });
    return !wasUp;
  });
  print(stages.summary());
}
