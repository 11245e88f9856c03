import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.js';
import type { LabPaths } from './lab.js';
import { removeNode } from './node/boot.js';
import { removeBridge } from './node/bridge.js';
import { nodesWithCgroups, removeCgroupFamily } from './node/cgroups.js';
import { recordedNames, stopDaemon } from './processes.js';
import type { Stages } from './stages.js';

/** What took long to build and does not belong to any cluster. */
const buildCache = ['bin', 'rootfs', 'rootfs.stamp', 'rootfs.debian.stamp', 'images', 'containerd-template', 'containerd-template.stamp', 'rootfs-layer', 'rootfs-layer.stamp'];

/** Every mount at or below the root, the deepest first. Only ones that a killed lab forgot are left by now. */
function mountsBelow(root: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1]?.replaceAll('\\040', ' ') ?? '')
    .filter((folder) => folder.startsWith(`${root}/`))
    .sort((a, b) => b.length - a.length);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not there, or somebody else's containers are in it.
  }
}

/** Removes all that the lab made, and nothing else. What was built is kept unless `all` is asked for. */
export async function down(paths: LabPaths, options: { all: boolean }, stages: Stages): Promise<void> {
  await stages.run('nodes', async () => {
    const nodes = new Set([...(existsSync(paths.nodes) ? readdirSync(paths.nodes) : []), ...nodesWithCgroups(paths.layout)]);
    await Promise.all([...nodes].map((node) => removeNode(paths, node)));
    removeCgroupFamily(paths.layout);
    return nodes.size > 0;
  });
  await stages.run('processes', async () => {
    const names = recordedNames(paths);
    await Promise.all(names.map((name) => stopDaemon(paths, name)));
    return names.length > 0;
  });
  await stages.run('mounts and bridge', async () => {
    const mounts = mountsBelow(paths.root);
    for (const folder of mounts) await runCommand('umount', [folder]);
    return (await removeBridge(paths.layout)) || mounts.length > 0;
  });
  await stages.run('files', async () => {
    if (!existsSync(paths.root)) return false;
    const kept = new Set(options.all ? [] : buildCache);
    const removed = readdirSync(paths.root).filter((name) => !kept.has(name) && name !== 'lock' && name !== 'build.lock');
    for (const name of removed) rmSync(join(paths.root, name), { recursive: true, force: true });
    for (const folder of ['locks', 'propagate', 'unix-export', '']) removeIfEmpty(join('/run/systemd/nspawn', folder));
    return removed.length > 0;
  });
}
