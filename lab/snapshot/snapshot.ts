import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab, LabPaths } from '../lab.js';
import { isBooted } from '../node/boot.js';
import { freezeNode } from '../node/cgroups.js';
import type { Stages } from '../stages.js';
import { startVault, stopVault } from '../vault/server.js';
import { clusterFiles, copyInto, copyNodes } from './contents.js';

export function snapshotFolder(paths: LabPaths, name: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,40}$/.test(name)) {
    throw new Error(`a snapshot's name is made of a-z, 0-9, dots, dashes and underscores: ${name} is not`);
  }
  return join(paths.snapshots, name);
}

export function snapshotNames(paths: LabPaths): string[] {
  if (!existsSync(paths.snapshots)) return [];
  return readdirSync(paths.snapshots)
    .filter((name) => !name.endsWith('.partial'))
    .sort();
}

/**
 * All nodes stand still at one instant while their files are copied, so that the copy is what a power failure of the
 * whole site would leave: etcd and the kubelets are made to come back from that. They lose the seconds of the copy only.
 */
export async function takeSnapshot(lab: Lab, name: string, stages: Stages): Promise<void> {
  const { paths } = lab;
  const folder = snapshotFolder(paths, name);
  const asleep = lab.nodes.filter((node) => !isBooted(paths, node.name)).map((node) => node.name);
  if (asleep.length > 0) throw new Error(`not running: ${asleep.join(', ')}; run \`up\` first`);

  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  await stages.run('Vault stops', async () => {
    await stopVault(paths);
    return true;
  });
  try {
    await stages.run('nodes stand still for a copy', async () => {
      const frozen = Promise.all(lab.nodes.map((node) => freezeNode(lab.layout, node.name, 'FROZEN')));
      try {
        await frozen;
        await copyNodes(paths.nodes, join(partial, 'nodes'));
        copyInto(partial, clusterFiles(paths));
      } finally {
        await Promise.all(lab.nodes.map((node) => freezeNode(lab.layout, node.name, 'THAWED')));
      }
      return true;
    });
  } finally {
    await stages.run('Vault starts', () => startVault(paths));
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}
