import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../lab.js';
import { installPackages } from '../machine/packages.js';
import type { Stages } from '../stages.js';
import { buildBinaries } from './binaries.js';
import { buildContainerdTemplate } from './containerd-template.js';
import { buildImages } from './images.js';
import { buildRootfs } from './rootfs.js';

const workloadsFolder = join(dirname(fileURLToPath(import.meta.url)), '..', 'workloads');

/** Everything that does not depend on a running cluster: built once, kept over `down`. */
export async function buildAll(lab: Lab, stages: Stages): Promise<void> {
  const note = (line: string): void => stages.note(line);
  const { paths } = lab;
  await stages.run('Debian packages', () => installPackages(paths, note));
  await stages.run('programs', async () => (await buildBinaries(paths, note)).length > 0);
  await stages.run('root file system', () => buildRootfs(paths, note));
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
}
