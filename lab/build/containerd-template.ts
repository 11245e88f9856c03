import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, succeeds } from '../command.js';
import { waitFor } from '../deadline.js';
import type { LabPaths } from '../lab.js';
import { startDaemon, stopDaemon } from '../processes.js';
import { inputsHash, isFresh, writeStamp } from './stamp.js';

const snapshotsOf = 'io.containerd.snapshotter.v1.overlayfs/snapshots';

/** What never changes once it is there: image blobs and unpacked image layers. These parts are shared by hard links. */
export const immutableListFile = 'lab-immutable.json';
const daemonName = 'template-containerd';

function archivesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.tar')) : [];
}

/** Every docker archive of the release, and of `images` those that the release does not have itself; in a stable order. */
export function imageArchives({ images, releaseImages }: LabPaths): string[] {
  const own = archivesIn(releaseImages);
  const shared = releaseImages === images ? [] : archivesIn(images).filter((name) => !own.includes(name));
  return [...own.sort().map((name) => join(releaseImages, name)), ...shared.sort().map((name) => join(images, name))];
}

function templateHash(paths: LabPaths): string {
  const archives = imageArchives(paths).map((file) => {
    const { size, mtimeMs } = statSync(file);
    return `${file} ${size} ${mtimeMs}`;
  });
  return inputsHash({ files: [`${paths.rootfs}.debian.stamp`], strings: archives });
}

/** Runs in a mount namespace of its own, so that nothing stays mounted whatever happens to it. */
const startScript = `set -e
mount --bind "$ROOTFS" "$ROOTFS"
mount -t proc proc "$ROOTFS/proc"; mount --rbind /sys "$ROOTFS/sys"; mount --rbind /dev "$ROOTFS/dev"
mount -t tmpfs tmpfs "$ROOTFS/run"; mount -t tmpfs tmpfs "$ROOTFS/mnt"
mkdir "$ROOTFS/mnt/containerd" "$ROOTFS/mnt/images" "$ROOTFS/mnt/socket"
mount --bind "$TARGET" "$ROOTFS/mnt/containerd"; mount --bind "$IMAGES" "$ROOTFS/mnt/images"; mount --bind "$SOCKETS" "$ROOTFS/mnt/socket"
printf 'version = 2\\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\\n' > "$ROOTFS/run/config.toml"
exec chroot "$ROOTFS" /usr/bin/containerd --config /run/config.toml --root /mnt/containerd --state /run/containerd --address /mnt/socket/containerd.sock`;

/** Imports all images once, into a folder that new nodes get a copy of. */
export async function buildContainerdTemplate(paths: LabPaths): Promise<boolean> {
  const hash = templateHash(paths);
  const stamp = `${paths.containerdTemplate}.stamp`;
  if (isFresh(stamp, hash, [join(paths.containerdTemplate, immutableListFile)])) return false;
  const partial = `${paths.containerdTemplate}.partial`;
  const sockets = join(paths.processes, 'template-socket');
  await stopDaemon(paths, daemonName);
  for (const folder of [partial, sockets]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  startDaemon(paths, {
    name: daemonName,
    program: 'unshare',
    args: ['--mount', '--propagation', 'private', 'sh', '-c', startScript],
    env: { ROOTFS: paths.rootfs, TARGET: partial, IMAGES: paths.releaseImages, SOCKETS: sockets },
    logFile: join(paths.log, 'template-containerd.log'),
  });
  const ctr = join(paths.rootfs, 'usr/bin/ctr');
  const address = ['--address', join(sockets, 'containerd.sock'), '--namespace', 'k8s.io'];
  try {
    await waitFor('containerd of the image template', { timeoutMs: 30_000 }, async () => ((await succeeds(ctr, [...address, 'version'])) ? true : 'no answer on its socket'));
    for (const archive of imageArchives(paths)) {
      await runCommand(ctr, [...address, 'images', 'import', archive], { timeoutMs: 300_000 });
    }
  } finally {
    await stopDaemon(paths, daemonName);
    rmSync(sockets, { recursive: true, force: true });
  }
  const layers = readdirSync(join(partial, snapshotsOf)).map((id) => `${snapshotsOf}/${id}`);
  writeFileSync(join(partial, immutableListFile), JSON.stringify(['io.containerd.content.v1.content/blobs', ...layers]));
  rmSync(paths.containerdTemplate, { recursive: true, force: true });
  renameSync(partial, paths.containerdTemplate);
  writeStamp(stamp, hash);
  return true;
}

/** Folders of a containerd root, relative to it, whose files are never written again. */
export function immutableParts(containerdRoot: string): string[] {
  return JSON.parse(readFileSync(join(containerdRoot, immutableListFile), 'utf8')) as string[];
}
