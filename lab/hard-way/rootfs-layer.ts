import { appendFileSync, copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inputsHash, isFresh, writeStamp } from '../build/stamp.js';
import { runCommand } from '../command.js';
import { hasNodes, type LabPaths } from '../lab.js';
import { etcdUser, hardWayFolders } from './folders.js';
import { podComponents } from './static-pods.js';

const programs = ['etcd', 'etcdctl', 'etcdutl', 'kube-proxy'];
/** What the shared tree has for kubeadm, and a cluster that was made by hand has not. */
const hidden = ['etc/systemd/system/kubelet.service.d', 'usr/local/bin/kubeadm'];

/** One line for each file of accounts: no password, no shell, a group of its own. */
const accountLines = {
  'etc/passwd': `${etcdUser.name}:x:${etcdUser.id}:${etcdUser.id}:etcd:/var/lib/etcd:/usr/sbin/nologin`,
  'etc/group': `${etcdUser.name}:x:${etcdUser.id}:`,
  'etc/shadow': `${etcdUser.name}:!*:19700::::::`,
};

/** The tree between Debian's and a node's own: the control plane's programs, what saves etcd, the user of etcd. Built once. */
export async function buildRootfsLayer(paths: LabPaths, report: (line: string) => void): Promise<boolean> {
  const { layer } = hardWayFolders(paths);
  const stamp = `${layer}.stamp`;
  const hash = inputsHash({
    files: [fileURLToPath(import.meta.url), join(paths.bin, 'kubernetes.stamp'), join(paths.bin, 'etcd.stamp'), `${paths.rootfs}.stamp`],
  });
  if (isFresh(stamp, hash, [layer])) return false;
  if (hasNodes(paths)) {
    report('kept as it is, though its inputs changed: nodes stand on it; `down` and `up` make it anew');
    return false;
  }
  const partial = `${layer}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const inLayer = (path: string): string => {
    const target = join(partial, path);
    mkdirSync(dirname(target), { recursive: true });
    return target;
  };
  const inImages = paths.layout.controlPlane === 'static-pods' ? [] : podComponents;
  for (const name of [...programs, ...inImages]) copyFileSync(join(paths.bin, name), inLayer(join('usr/local/bin', name)));
  for (const [file, line] of Object.entries(accountLines)) {
    await runCommand('cp', ['-a', join(paths.rootfs, file), inLayer(file)]);
    appendFileSync(inLayer(file), `${line}\n`);
  }
  // Device 0/0 is overlay's word for a name that is not there.
  for (const path of hidden) await runCommand('mknod', [inLayer(path), 'c', '0', '0']);
  writeFileSync(inLayer('etc/profile.d/kubeconfig.sh'), `export KUBECONFIG=${paths.layout.adminKubeconfig}\n`);
  // Nothing answers there, and refuses at once: no query ever leaves the lab.
  writeFileSync(inLayer('etc/resolv.conf'), `nameserver ${paths.layout.address}\n`);
  rmSync(layer, { recursive: true, force: true });
  renameSync(partial, layer);
  writeStamp(stamp, hash);
  return true;
}
