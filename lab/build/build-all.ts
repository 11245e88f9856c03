import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildRootfsLayer } from '../hard-way/rootfs-layer.js';
import { hasNodes, type Lab, type LabPaths, labPaths } from '../lab.js';
import { layouts } from '../layout.js';
import { withBuildLock } from '../lock.js';
import { installPackages } from '../machine/packages.js';
import type { Stages } from '../stages.js';
import { buildBinaries } from './binaries.js';
import { buildContainerdTemplate } from './containerd-template.js';
import { buildImages } from './images.js';
import { buildReleaseLayer } from './release-layer.js';
import { buildRootfs } from './rootfs.js';

const workloadsFolder = join(dirname(fileURLToPath(import.meta.url)), '..', 'workloads');

/** Everything that does not depend on a running cluster: built once, kept over `down`. */
export function buildAll(lab: Lab, stages: Stages): Promise<void> {
  return withBuildLock(lab.paths, () => build(lab, stages));
}

/** Nodes of another layout's lab stand on the shared tree: it stays as it is. */
function standOnRootfs(paths: LabPaths): boolean {
  const others = Object.values(layouts).filter(({ name }) => name !== paths.layout.name);
  return existsSync(paths.rootfs) && others.some(({ name }) => hasNodes(labPaths(name, paths.builtRoot)));
}

async function build(lab: Lab, stages: Stages): Promise<void> {
  const note = (line: string): void => stages.note(line);
  const { paths } = lab;
  await stages.run('Debian packages', () => installPackages(paths, note));
  await stages.run('programs', async () => (await buildBinaries(paths, note)).length > 0);
  await stages.run('root file system', async () => !standOnRootfs(paths) && buildRootfs(paths, note));
  await stages.run('images', () => buildImages(paths));
  await stages.run('workload images', async () => {
    if (!existsSync(join(workloadsFolder, 'build.ts'))) return false;
    const { buildWorkloads } = await import('../workloads/build.js');
    let built = false;
    await buildWorkloads(lab, (line) => {
      built = true;
      note(line);
    });
    return built;
  });
  await stages.run('image store', () => buildContainerdTemplate(paths));
  if (paths.rootfsLayers.length > 1) {
    await stages.run('root file system of this layout', () => (lab.layout.madeBy === 'hand' ? buildRootfsLayer(paths, note) : buildReleaseLayer(paths, note)));
  }
}
