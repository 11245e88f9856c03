import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../command.js';
import { type LabPaths, sshUser } from '../lab.js';
import { rootfsFiles } from './rootfs-files.js';
import { inputsHash, isFresh, writeStamp } from './stamp.js';

const suite = 'bookworm';
const packages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'openssh-server', 'sudo', 'procps', 'util-linux', 'mount', 'kmod', 'tar', 'gzip'],
  ...['iproute2', 'iptables', 'conntrack', 'ethtool', 'socat', 'ca-certificates', 'curl', 'openssl', 'jq'],
  ...['containerd', 'runc'],
];
const hostCniPlugins = '/usr/lib/cni';
const nodeBinaries = ['kubelet', 'kubeadm', 'kubectl', 'etcdctl', 'etcdutl'];

/** The plain Debian tree. It does not depend on our files, so that editing one of them costs no download. */
export async function bootstrapDebian(paths: LabPaths, logFile: string): Promise<void> {
  const hash = inputsHash({ strings: [suite, ...packages] });
  const stamp = `${paths.rootfs}.debian.stamp`;
  if (isFresh(stamp, hash, [join(paths.rootfs, 'etc', 'debian_version')])) return;
  const partial = `${paths.rootfs}.partial`;
  rmSync(partial, { recursive: true, force: true });
  rmSync(paths.rootfs, { recursive: true, force: true });
  await runCommand('debootstrap', ['--variant=minbase', `--include=${packages.join(',')}`, suite, partial], {
    timeoutMs: 15 * 60_000,
    logFile,
  });
  renameSync(partial, paths.rootfs);
  writeStamp(stamp, hash);
}

/** Makes the tree that all nodes share read-only: Debian, the Kubernetes node programs and the lab's own units. */
export async function buildRootfs(paths: LabPaths, report: (line: string) => void): Promise<boolean> {
  const binaries = nodeBinaries.map((name) => join(paths.bin, name));
  const here = dirname(fileURLToPath(import.meta.url));
  const hash = inputsHash({
    files: [join(here, 'rootfs.ts'), join(here, 'rootfs-files.ts'), join(paths.bin, 'kubernetes.stamp'), join(paths.bin, 'etcd.stamp')],
  });
  const stamp = `${paths.rootfs}.stamp`;
  if (isFresh(stamp, hash, [paths.rootfs])) return false;
  if (existsSync(paths.nodes) && readdirSync(paths.nodes).length > 0) {
    report('kept as it is, though its inputs changed: nodes stand on it; `down` and `up` make it anew');
    return false;
  }
  await bootstrapDebian(paths, join(paths.log, 'rootfs.log'));

  const inRoot = (path: string): string => join(paths.rootfs, path);
  for (const binary of binaries) copyFileSync(binary, inRoot(join('usr/local/bin', binary.slice(paths.bin.length))));
  mkdirSync(inRoot('opt/cni/bin'), { recursive: true });
  for (const plugin of readdirSync(hostCniPlugins)) copyFileSync(join(hostCniPlugins, plugin), inRoot(join('opt/cni/bin', plugin)));
  for (const file of rootfsFiles) {
    mkdirSync(dirname(inRoot(file.path)), { recursive: true });
    writeFileSync(inRoot(file.path), file.content);
    chmodSync(inRoot(file.path), file.mode ?? 0o644);
  }
  // Keys and ids are each node's own.
  for (const file of readdirSync(inRoot('etc/ssh'))) if (file.startsWith('ssh_host_')) rmSync(inRoot(join('etc/ssh', file)));
  writeFileSync(inRoot('etc/machine-id'), '');
  rmSync(inRoot('var/lib/dbus/machine-id'), { force: true });
  rmSync(inRoot('etc/resolv.conf'), { force: true });
  // Nothing answers there, and refuses at once: no query ever leaves the lab.
  writeFileSync(inRoot('etc/resolv.conf'), 'nameserver 10.77.0.1\n');

  const inChroot = (...command: string[]): Promise<unknown> => runCommand('chroot', [paths.rootfs, ...command]);
  await runCommand('chroot', [paths.rootfs, 'useradd', '--create-home', '--shell', '/bin/bash', sshUser], { allowFailure: true });
  // '*' is no valid hash: no password fits, but unlike '!' the account does not count as locked.
  await inChroot('usermod', '--password', '*', sshUser);
  await inChroot('systemctl', 'enable', 'lab-cgroups', 'lab-network', 'kubelet', 'containerd', 'ssh');
  await inChroot(
    'systemctl',
    'mask',
    'systemd-networkd',
    'systemd-resolved',
    'systemd-timesyncd',
    'apt-daily.timer',
    'apt-daily-upgrade.timer',
    'e2scrub_all.timer',
    'fstrim.timer',
    'dpkg-db-backup.timer',
  );
  writeStamp(stamp, hash);
  return true;
}
