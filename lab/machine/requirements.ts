import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { hasRelease } from '../build/binaries.js';
import { outputOf, runCommand, succeeds } from '../command.js';
import { type ClusterShape, type LabPaths, loadBalancerPort, readShape, vaultPort } from '../lab.js';
import { inSubnet, type Layout } from '../layout.js';
import { cgroupControllers } from '../node/cgroups.js';
import { recordedNames, runningPid } from '../processes.js';
import { missingPackages } from './packages.js';

const gibibyte = 2 ** 30;

/** Bit numbers of the capabilities that containers of containers need. CAP_SYS_RESOURCE is not among them. */
const capabilities: ReadonlyMap<string, number> = new Map([
  ['CAP_CHOWN', 0],
  ['CAP_DAC_OVERRIDE', 1],
  ['CAP_NET_ADMIN', 12],
  ['CAP_NET_RAW', 13],
  ['CAP_SYS_CHROOT', 18],
  ['CAP_SYS_PTRACE', 19],
  ['CAP_SYS_ADMIN', 21],
  ['CAP_MKNOD', 27],
]);

export function neededMemory(shape: ClusterShape): number {
  return (1 + 1.5 * shape.controlPlanes + 0.5 * shape.workers) * gibibyte;
}

export function neededDisk(paths: LabPaths): number {
  return (hasRelease(paths) ? 6 : 20) * gibibyte;
}

function missingCapabilities(): string[] {
  const effective = /CapEff:\s*([0-9a-f]+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const held = BigInt(`0x${effective}`);
  return [...capabilities].filter(([, bit]) => ((held >> BigInt(bit)) & 1n) === 0n).map(([name]) => `capability ${name}`);
}

function missingControllers(): string[] {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const has = (controller: string): boolean => mounts.some(([, folder, type]) => type === 'cgroup' && folder === `/sys/fs/cgroup/${controller}`);
  return cgroupControllers.filter((controller) => !has(controller)).map((controller) => `cgroup v1 hierarchy /sys/fs/cgroup/${controller}`);
}

/** The first folder on the way up that exists: the lab's own may still be to be made. */
function nearestFolder(folder: string): string {
  return existsSync(folder) ? folder : nearestFolder(dirname(folder));
}

async function overlayWorks(paths: LabPaths): Promise<boolean> {
  const trial = mkdtempSync(join(nearestFolder(paths.root), '.overlay-trial-'));
  try {
    for (const name of ['lower', 'upper', 'work', 'root']) mkdirSync(join(trial, name));
    const options = `lowerdir=${trial}/lower,upperdir=${trial}/upper,workdir=${trial}/work,index=off,metacopy=off`;
    // In a mount namespace that ends with the command.
    return await succeeds('unshare', ['--mount', 'mount', '-t', 'overlay', 'overlay', '-o', options, `${trial}/root`]);
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

/** As in /proc/net/tcp: four bytes, the last part of the address first. */
function procAddress(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).toUpperCase().padStart(2, '0'));
  return bytes.reverse().join('');
}

/** Whether anything listens on the port for all addresses, or for the bridge's. */
function isListening(layout: Layout, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const ours = new Set(['00000000', procAddress(layout.address), '00000000000000000000000000000000']);
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .filter((file) => existsSync(file))
    .some((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .slice(1)
        .some((line) => {
          const [, local = '', , state] = line.trim().split(/\s+/);
          const [address = '', used] = local.split(':');
          return state === '0A' && used === wanted && ours.has(address);
        }),
    );
}

/** All of the machine's memory while nodes of ours have some of it, otherwise what is not in use. */
function usableMemory(paths: LabPaths): number {
  const field = recordedNames(paths).some((name) => runningPid(paths, name) !== undefined) ? 'MemTotal' : 'MemAvailable';
  const [, kibibytes = '0'] = new RegExp(`${field}:\\s*(\\d+)`).exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/** A bridge of our name without a cluster in this folder is that of another lab, or of somebody else. */
function foreignBridge(paths: LabPaths): string[] {
  const { bridge } = paths.layout;
  if (readShape(paths) !== undefined || networkInterfaces()[bridge] === undefined) return [];
  return [`the interface name ${bridge} (taken, and not by a lab in ${paths.root})`];
}

function takenNetworks(layout: Layout): string[] {
  const { podNetwork } = layout;
  const nodeNetwork = inSubnet(layout, 0);
  const prefixes = [nodeNetwork.replace(/0$/, ''), podNetwork.replace(/0\.0\/16$/, '')];
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    name !== layout.bridge && (addresses ?? []).some(({ address }) => prefixes.some((prefix) => address.startsWith(prefix)))
      ? [`networks ${nodeNetwork}/24 and ${podNetwork} (interface ${name} is in one of them)`]
      : [],
  );
}

async function goProblem(): Promise<string[]> {
  const version = await outputOf('go', ['env', 'GOVERSION'], { env: { GOTOOLCHAIN: 'local' } }).catch(() => '');
  const [, minor] = /^go1\.(\d+)/.exec(version) ?? [];
  return minor !== undefined && Number(minor) >= 26 ? [] : [`Go 1.26 or newer (found: ${version === '' ? 'none' : version})`];
}

/** Everything that this machine lacks to carry the lab. Looks only; makes nothing. */
export async function missingRequirements(paths: LabPaths, shape: ClusterShape): Promise<string[]> {
  const missing: string[] = [];
  if (process.platform !== 'linux' || process.arch !== 'x64') return ['Linux on x86-64'];
  if (process.getuid?.() !== 0) missing.push('root');
  missing.push(...missingCapabilities(), ...missingControllers());
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\toverlay')) missing.push('overlay file system');
  else if (missing.length === 0 && !(await overlayWorks(paths))) missing.push(`an overlay over ${paths.root} (its file system cannot carry one)`);
  missing.push(...(await goProblem()));
  if (missingPackages().length > 0 && !(await succeeds('apt-get', ['--version']))) {
    missing.push(`apt-get, or these Debian packages: ${missingPackages().join(' ')}`);
  }

  if (runningPid(paths, 'haproxy') === undefined && isListening(paths.layout, loadBalancerPort)) missing.push(`TCP port ${loadBalancerPort} (in use)`);
  if (runningPid(paths, 'vault') === undefined && isListening(paths.layout, vaultPort)) missing.push(`TCP port ${vaultPort} (in use)`);
  missing.push(...takenNetworks(paths.layout), ...foreignBridge(paths));
  if (await bridgeFirewallDrops()) missing.push('forwarding between ports of a bridge (the FORWARD chain of iptables drops by default)');

  const memory = usableMemory(paths);
  if (memory < neededMemory(shape)) {
    missing.push(`${Math.ceil(neededMemory(shape) / gibibyte)} GiB of memory (usable: ${(memory / gibibyte).toFixed(1)})`);
  }
  const disk = statfsSync(nearestFolder(paths.root));
  const free = disk.bavail * disk.bsize;
  if (free < neededDisk(paths)) {
    missing.push(`${neededDisk(paths) / gibibyte} GiB of disk below ${paths.root} (free: ${(free / gibibyte).toFixed(1)})`);
  }
  return missing;
}

/** With br_netfilter, frames between the nodes pass the FORWARD chain; Docker, for one, sets it to DROP. */
async function bridgeFirewallDrops(): Promise<boolean> {
  const filter = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  if (!existsSync(filter) || readFileSync(filter, 'utf8').trim() !== '1') return false;
  const chain = await runCommand('iptables', ['-S', 'FORWARD'], { allowFailure: true });
  return chain.stdout.startsWith('-P FORWARD DROP');
}
