import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasNodes, type LabPaths } from '../lab.js';
import { releases } from '../release.js';
import { rootfsFiles } from './rootfs-files.js';
import { inputsHash, isFresh, writeStamp } from './stamp.js';

const containerdConfig = 'etc/containerd/config.toml';
const programFolder = 'usr/local/bin';

/**
 * The tree between Debian's and a node's own, of a release whose programs are built apart: its node programs over those of the shared tree, and
 * containerd with the sandbox image that its kubeadm asks for. Built once, kept over `down`.
 */
export async function buildReleaseLayer(paths: LabPaths, report: (line: string) => void): Promise<boolean> {
  const { release, address } = paths.layout;
  const [layer] = paths.rootfsLayers;
  if (layer === undefined || layer === paths.rootfs) throw new Error(`layout ${paths.layout.name} has no tree of its own`);
  const stamp = `${layer}.stamp`;
  const config = rootfsFiles.find(({ path }) => path === containerdConfig)?.content ?? '';
  const ownConfig = config.replace(releases['1.34'].images.pause, release.images.pause);
  if (!ownConfig.includes(`"${release.images.pause}"`)) throw new Error(`${containerdConfig} of the shared tree names no sandbox image that is known`);
  const hash = inputsHash({
    files: [fileURLToPath(import.meta.url), ...[release.modules.kubernetes, release.modules.etcd].map((name) => join(paths.releaseBin, `${name}.stamp`))],
    strings: [ownConfig],
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
  for (const name of readdirSync(join(paths.rootfs, programFolder))) {
    const own = join(paths.releaseBin, name);
    if (existsSync(own)) copyFileSync(own, inLayer(join(programFolder, name)));
  }
  writeFileSync(inLayer(containerdConfig), ownConfig);
  // Nothing answers there, and refuses at once: no query ever leaves the lab.
  writeFileSync(inLayer('etc/resolv.conf'), `nameserver ${address}\n`);
  rmSync(layer, { recursive: true, force: true });
  renameSync(partial, layer);
  writeStamp(stamp, hash);
  return true;
}
