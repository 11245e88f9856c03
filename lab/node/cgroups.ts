import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../deadline.js';
import type { Layout } from '../layout.js';

const base = '/sys/fs/cgroup';

/** The cgroup v1 hierarchies in which a node gets a cgroup of its own. */
export const cgroupControllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'];

/** Where cgroup v2 is mounted beside, systemd-nspawn looks there for the cgroup that it is in, and makes its own below it. */
function hierarchies(): string[] {
  return existsSync(join(base, 'unified', 'cgroup.procs')) ? [...cgroupControllers, 'unified'] : cgroupControllers;
}

function folderOf(layout: Layout, controller: string, node = ''): string {
  return join(base, controller, layout.cgroup, node);
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
export function createNodeCgroups(layout: Layout, node: string): string[] {
  return hierarchies().map((controller) => {
    const folder = folderOf(layout, controller, node);
    mkdirSync(folder, { recursive: true });
    // Five nodes together, not all of them as one process: with the default of 1024 a single compiler beside them starves etcd.
    if (controller === 'cpu') writeFileSync(join(folder, '..', 'cpu.shares'), '16384');
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

function processesBelow(folder: string): number[] {
  const here = readFileSync(join(folder, 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...here, ...folders.flatMap((entry) => processesBelow(join(folder, entry.name)))];
}

/** Every process of a node. */
export function nodePids(layout: Layout, node: string): number[] {
  return processesBelow(folderOf(layout, 'pids', node));
}

/**
 * Kills what is left of a node. Its systemd outlives a killed systemd-nspawn; the cgroup, which only the lab's nodes enter,
 * says exactly who belongs to it, also when no record of ours does.
 */
export async function killNode(layout: Layout, node: string): Promise<void> {
  const folder = folderOf(layout, 'pids', node);
  if (!existsSync(folder)) return;
  writeFileSync(join(folderOf(layout, 'freezer', node), 'freezer.state'), 'THAWED');
  await waitFor(`the processes of ${node} to end`, { timeoutMs: 120_000, everyMs: 50 }, async () => {
    const left = processesBelow(folder);
    for (const pid of left) killIfThere(pid);
    return left.length === 0 ? true : `${left.length} processes`;
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Removes a node's cgroups. Processes that are just ending keep theirs busy for a moment. */
export async function removeNodeCgroups(layout: Layout, node: string): Promise<void> {
  await waitFor(`the cgroups of ${node} to be empty`, { timeoutMs: 120_000, everyMs: 100 }, async () => {
    for (const controller of hierarchies()) {
      const folder = folderOf(layout, controller, node);
      if (existsSync(folder)) removeTree(folder);
    }
    return true;
  });
}

/** Nodes of which the kernel still knows, whatever our files say. */
export function nodesWithCgroups(layout: Layout): string[] {
  const folder = folderOf(layout, 'pids');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Removes the lab's own level, once no node is left below it. */
export function removeCgroupFamily(layout: Layout): void {
  for (const controller of hierarchies()) {
    const folder = folderOf(layout, controller);
    if (existsSync(folder)) removeTree(folder);
  }
}

/** Stops or continues every process of a node at one instant. */
export async function freezeNode(layout: Layout, node: string, state: 'FROZEN' | 'THAWED'): Promise<void> {
  const file = join(folderOf(layout, 'freezer', node), 'freezer.state');
  writeFileSync(file, state);
  await waitFor(`${node} to be ${state.toLowerCase()}`, { timeoutMs: 60_000, everyMs: 20 }, async () => {
    const seen = readFileSync(file, 'utf8').trim();
    return seen === state ? true : seen;
  });
}

/** Lets all nodes go on, without waiting: for handlers of `exit` too. */
export function thawNodesAtOnce(layout: Layout): void {
  for (const node of nodesWithCgroups(layout)) {
    const file = join(folderOf(layout, 'freezer', node), 'freezer.state');
    if (existsSync(file)) writeFileSync(file, 'THAWED');
  }
}
