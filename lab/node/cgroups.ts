import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../deadline.js';

const base = '/sys/fs/cgroup';
const family = 'rotate-ca-lab';

/** The cgroup v1 hierarchies in which a node gets a cgroup of its own. */
export const cgroupControllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'];

function folderOf(controller: string, node: string): string {
  return join(base, controller, family, node);
}

/** A new cpuset has no CPUs and no memory, and then takes no process. */
function inheritCpuset(folder: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    writeFileSync(join(folder, file), readFileSync(join(folder, '..', file)));
  }
}

/**
 * Each node in a cgroup of its own: with a cgroup namespace this is its root, and the nodes do not collide.
 * Returns the files into which a process writes its id to enter.
 */
export function createNodeCgroups(node: string): string[] {
  return cgroupControllers.map((controller) => {
    const folder = folderOf(controller, node);
    mkdirSync(folder, { recursive: true });
    if (controller === 'cpuset') {
      inheritCpuset(join(folder, '..'));
      inheritCpuset(folder);
    }
    return join(folder, 'cgroup.procs');
  });
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}

/** Removes a node's cgroups. Processes that are just ending keep theirs busy for a moment. */
export async function removeNodeCgroups(node: string): Promise<void> {
  await waitFor(`the cgroups of ${node} to be empty`, { timeoutMs: 15_000, everyMs: 100 }, async () => {
    for (const controller of cgroupControllers) {
      const folder = folderOf(controller, node);
      if (existsSync(folder)) removeTree(folder);
    }
    return true;
  });
}

/** Removes the lab's own level, once no node is left below it. */
export function removeCgroupFamily(): void {
  for (const controller of cgroupControllers) {
    const folder = join(base, controller, family);
    if (existsSync(folder)) removeTree(folder);
  }
}

/** Stops or continues every process of a node at one instant. */
export async function freezeNode(node: string, state: 'FROZEN' | 'THAWED'): Promise<void> {
  const file = join(folderOf('freezer', node), 'freezer.state');
  writeFileSync(file, state);
  await waitFor(`${node} to be ${state.toLowerCase()}`, { timeoutMs: 10_000, everyMs: 20 }, async () => {
    const seen = readFileSync(file, 'utf8').trim();
    return seen === state ? true : seen;
  });
}
