import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { runCommand } from '../command.js';
import { UselessToWait, waitFor } from '../deadline.js';
import type { Lab, LabNode, LabPaths } from '../lab.js';
import { runningPid, startDaemon, stopDaemon } from '../processes.js';
import { removeNodePort } from './bridge.js';
import { copyContainerd } from './containerd-copy.js';
import { createNodeCgroups, killNode, removeNodeCgroups } from './cgroups.js';
import { nodeFiles } from './node-files.js';

export interface NodeFolders {
  readonly base: string;
  /** Everything that the node changed over the shared tree. */
  readonly upper: string;
  readonly work: string;
  readonly root: string;
  readonly containerd: string;
  /** There once the node's own files are complete. */
  readonly prepared: string;
  /** There while kubeadm works on the node, and if it was killed in between. */
  readonly joining: string;
  readonly joined: string;
}

export function nodeFolders(paths: Pick<LabPaths, 'nodes'>, node: string): NodeFolders {
  const base = join(paths.nodes, node);
  const at = (name: string): string => join(base, name);
  return {
    base,
    upper: at('upper'),
    work: at('work'),
    root: at('root'),
    containerd: at('containerd'),
    prepared: at('prepared'),
    joining: at('joining'),
    joined: at('joined'),
  };
}

export function daemonName(node: string): string {
  return `node-${node}`;
}

export function isBooted(paths: LabPaths, node: string): boolean {
  return runningPid(paths, daemonName(node)) !== undefined;
}

/** A mount has a device number other than the folder that it is in. */
function isMounted(folder: string): boolean {
  return existsSync(folder) && lstatSync(folder).dev !== lstatSync(dirname(folder)).dev;
}

async function mountRoot(paths: LabPaths, folders: NodeFolders): Promise<void> {
  for (const folder of [folders.upper, folders.work, folders.root]) mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (isMounted(folders.root)) return;
  // Without an index and metadata-only copies the upper folder can be copied and put back as it is.
  const options = `lowerdir=${paths.rootfsLayers.join(':')},upperdir=${folders.upper},workdir=${folders.work},index=off,metacopy=off`;
  await runCommand('mount', ['-t', 'overlay', 'overlay', '-o', options, folders.root]);
}

async function unmountRoot(folders: NodeFolders): Promise<void> {
  if (!isMounted(folders.root)) return;
  const { dev, ino } = lstatSync(folders.root);
  await waitFor(`${folders.root} to be free`, { timeoutMs: 120_000, everyMs: 100 }, async () => {
    const result = await runCommand('umount', [folders.root], { allowFailure: true });
    return result.code === 0 ? true : result.stderr.trim();
  });
  // What systemd-nspawn keeps for itself, and leaves behind when it is killed.
  rmSync(join('/run/systemd/nspawn/locks', `inode-${dev}:${ino}`), { force: true });
  for (const kind of ['propagate', 'unix-export']) {
    const folder = join('/run/systemd/nspawn', kind, basename(folders.base));
    if (existsSync(folder)) rmdirSync(folder);
  }
}

/** Gives a new node its own files and its copy of the image store. */
async function prepareNode(lab: Lab, node: LabNode): Promise<boolean> {
  const folders = nodeFolders(lab.paths, node.name);
  if (existsSync(folders.prepared)) return false;
  await removeNode(lab.paths, node.name);
  // Below it are the private keys of every node.
  mkdirSync(lab.paths.nodes, { recursive: true, mode: 0o700 });
  await mountRoot(lab.paths, folders);
  for (const file of nodeFiles(lab, node)) {
    const target = join(folders.root, file.path);
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true });
    if (file.link !== undefined) {
      symlinkSync(file.link, target);
      continue;
    }
    writeFileSync(target, file.content ?? '');
    chmodSync(target, file.mode ?? 0o644);
    if (file.owner !== undefined) for (const path of [target, dirname(target)]) chownSync(path, file.owner, file.owner);
  }
  await copyContainerd(lab.paths.containerdTemplate, folders.containerd);
  writeFileSync(folders.prepared, '');
  return true;
}

/** Of a node that is off, or whose systemd-nspawn was killed. */
async function clearRemains({ layout }: LabPaths, node: string): Promise<void> {
  await killNode(layout, node);
  await removeNodeCgroups(layout, node);
  await removeNodePort(node);
}

/** Enters the node's cgroups and becomes systemd-nspawn. */
const bootScript = 'for file in $LAB_CGROUPS; do echo $$ > "$file" || exit 1; done; exec systemd-nspawn "$@"';

/** Starts a prepared node: systemd, sshd, containerd and, once it has joined, the kubelet. */
async function bootNode(paths: LabPaths, node: LabNode): Promise<boolean> {
  if (isBooted(paths, node.name)) return false;
  const folders = nodeFolders(paths, node.name);
  await clearRemains(paths, node.name);
  await mountRoot(paths, folders);
  const options = [
    ...['--quiet', '--boot', '--keep-unit', '--register=no', '--console=read-only', '--kill-signal=SIGRTMIN+3'],
    ...[`--directory=${folders.root}`, `--machine=${node.name}`, `--network-bridge=${paths.layout.bridge}`],
    ...['--resolv-conf=off', '--timezone=off', '--link-journal=no'],
    ...['--capability=all', '--system-call-filter=add_key keyctl bpf', '--bind=/dev/kmsg', '--tmpfs=/run/lock'],
    `--bind=${folders.containerd}:/var/lib/containerd`,
  ];
  startDaemon(paths, {
    name: daemonName(node.name),
    program: 'sh',
    args: ['-c', bootScript, 'sh', ...options],
    env: {
      LAB_CGROUPS: createNodeCgroups(paths.layout, node.name).join(' '),
      SYSTEMD_NSPAWN_API_VFS_WRITABLE: '1',
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '0',
      SYSTEMD_NSPAWN_USE_CGNS: '1',
    },
    logFile: join(paths.log, `${node.name}.console.log`),
  });
  return true;
}

async function waitForSsh(lab: Lab, node: LabNode): Promise<void> {
  await waitFor(`SSH on ${node.name}`, { timeoutMs: 300_000, everyMs: 500 }, async () => {
    if (!isBooted(lab.paths, node.name)) {
      throw new UselessToWait(`${node.name}: its systemd-nspawn ended, see ${join(lab.paths.log, `${node.name}.console.log`)}`);
    }
    const result = await lab.onNode(node.name, 'sudo systemctl is-active containerd', { allowFailure: true, timeoutMs: 15_000 });
    return result.code === 0 ? true : result.stderr.trim() || result.stdout.trim();
  });
}

/** Prepares and boots nodes side by side until each answers to SSH. */
export async function bringUpNodes(lab: Lab, nodes: readonly LabNode[]): Promise<boolean> {
  const changed = await Promise.all(
    nodes.map(async (node) => {
      const prepared = await prepareNode(lab, node);
      const booted = await bootNode(lab.paths, node);
      return prepared || booted;
    }),
  );
  await Promise.all(nodes.map((node) => waitForSsh(lab, node)));
  return changed.includes(true);
}

export interface HaltOptions {
  /** Pull the plug: for a node whose state is given up anyway. */
  readonly abruptly?: boolean;
}

/** Ends a node and takes its mount and cgroups away; its files stay. */
export async function haltNode(paths: LabPaths, node: string, options: HaltOptions = {}): Promise<void> {
  if (options.abruptly) await killNode(paths.layout, node);
  await stopDaemon(paths, daemonName(node), { signal: 'SIGTERM', graceMs: 20_000 });
  await clearRemains(paths, node);
  await unmountRoot(nodeFolders(paths, node));
}

/** Ends a node and removes all that it was. */
export async function removeNode(paths: LabPaths, node: string): Promise<void> {
  await haltNode(paths, node, { abruptly: true });
  rmSync(nodeFolders(paths, node).base, { recursive: true, force: true });
}
