import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { waitUntilReady } from '../cluster/readiness.js';
import { type Lab, type LabPaths, openLab } from '../lab.js';
import { bringUpNodes, removeNode } from '../node/boot.js';
import { recordedNames, stopDaemon } from '../processes.js';
import { runCommand } from '../command.js';
import type { Stages } from '../stages.js';
import { bringUpSurroundings } from '../surroundings.js';
import { startOutsideClients } from './outside-clients.js';
import { clusterFiles, copyInto, copyNodes } from './contents.js';
import { snapshotFolder, snapshotNames } from './snapshot.js';

/** Neither has any state of the cluster. */
const staying = new Set(['haproxy', 'ssh-agent']);

function noteFile(paths: LabPaths): string {
  return join(paths.root, 'restoring');
}

/** The snapshot whose files were being put back when the lab was killed. */
export function interruptedRestore(paths: LabPaths): string | undefined {
  return existsSync(noteFile(paths)) ? readFileSync(noteFile(paths), 'utf8') : undefined;
}

async function endEverything(paths: LabPaths): Promise<void> {
  const nodes = existsSync(paths.nodes) ? readdirSync(paths.nodes) : [];
  await Promise.all(nodes.map((node) => removeNode(paths, node)));
  for (const name of recordedNames(paths)) if (!staying.has(name)) await stopDaemon(paths, name);
}

/** Puts the files of a snapshot in the place of what is there; the nodes are off afterwards. Done again if it was killed. */
export async function putBackFiles(paths: LabPaths, name: string): Promise<void> {
  const folder = snapshotFolder(paths, name);
  writeFileAtomically(noteFile(paths), name);
  await endEverything(paths);
  await copyNodes(join(folder, 'nodes'), paths.nodes);
  copyInto(
    paths.root,
    clusterFiles(paths).map((file) => join(folder, basename(file))),
  );
  rmSync(noteFile(paths));
}

export async function restoreSnapshot(paths: LabPaths, name: string, stages: Stages): Promise<Lab> {
  const folder = snapshotFolder(paths, name);
  if (!existsSync(folder)) {
    throw new Error(`no snapshot ${name}; there are: ${snapshotNames(paths).join(', ') || 'none'}`);
  }
  await stages.run('files', async () => {
    await putBackFiles(paths, name);
    return true;
  });
  const lab = openLab({ paths });
  const booted = new Date();
  await Promise.all([stages.run('nodes boot', () => bringUpNodes(lab, lab.nodes)), bringUpSurroundings(lab, stages)]);
  await stages.run('all Ready', async () => {
    await waitUntilReady(lab, 15 * 60_000, { since: booted });
    return true;
  });
  // Hundreds of megabytes are on their way to the disk: until they are there, every fsync of etcd waits behind them.
  await stages.run('files on disk', async () => {
    await runCommand('sync', []);
    return true;
  });
  await stages.run('clients outside', () => startOutsideClients(lab));
  return lab;
}
