import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runCommand } from '../command.js';
import type { LabPaths } from '../lab.js';
import { nodeFolders } from '../node/boot.js';
import { copyContainerd } from '../node/containerd-copy.js';

/** What belongs to a cluster beside its nodes: its shape, the credentials that its CA signed, and Vault with all of its files. */
export function clusterFiles(paths: LabPaths): string[] {
  return [paths.clusterFile, paths.adminKubeconfig, paths.people, paths.vault, paths.inventory];
}

/** Copies the files of all nodes from one folder of nodes to another. Nothing of them may be writing. */
export async function copyNodes(from: string, to: string): Promise<void> {
  await Promise.all(
    readdirSync(from).map(async (node) => {
      const source = nodeFolders({ nodes: from }, node);
      const target = nodeFolders({ nodes: to }, node);
      mkdirSync(target.base, { recursive: true });
      await runCommand('cp', ['-a', source.upper, target.upper]);
      await copyContainerd(source.containerd, target.containerd);
      // Last, since they say that the node's files are complete.
      for (const marker of ['joined', 'prepared'] as const) {
        if (existsSync(source[marker])) await runCommand('cp', ['-a', source[marker], target[marker]]);
      }
    }),
  );
}

/** Copies these files and folders into a folder, replacing what is there. */
export function copyInto(folder: string, files: readonly string[]): void {
  for (const file of files) {
    const target = join(folder, basename(file));
    rmSync(target, { recursive: true, force: true });
    if (existsSync(file)) cpSync(file, target, { recursive: true, preserveTimestamps: true });
  }
}
