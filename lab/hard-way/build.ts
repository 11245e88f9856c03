import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mkdirSync } from 'node:fs';
import { writeImageArchive } from '../build/image-archive.js';
import { inputsHash, isFresh, writeStamp } from '../build/stamp.js';
import type { LabPaths } from '../lab.js';
import { buildGoProgram } from '../workloads/go-program.js';
import type { NodeImage } from '../workloads/node-images.js';
import { hardWayFolders } from './folders.js';

const here = dirname(fileURLToPath(import.meta.url));

export type HardWayImage = 'flannel' | 'applications';

/** Builds a Go program of this folder and packs it into an image, whose tag says what is inside. What is built already stays as it is. */
export async function buildHardWayImage(paths: LabPaths, name: HardWayImage, report: (line: string) => void): Promise<NodeImage> {
  const { programs, images } = hardWayFolders(paths);
  const program = await buildGoProgram({ bin: programs, log: paths.log }, { name, folder: join(here, name) }, report);
  const inImage = `/${name}`;
  const hash = inputsHash({ files: [program], strings: [inImage] });
  const image = { reference: `rotate-ca.lab/${name}:${hash.slice(0, 12)}`, archive: join(images, `${name}.tar`) };
  const stamp = join(images, `${name}.stamp`);
  if (isFresh(stamp, hash, [image.archive])) return image;
  report(`packing ${image.reference}`);
  mkdirSync(images, { recursive: true });
  await writeImageArchive({ reference: image.reference, files: new Map([[inImage, program]]), entrypoint: [inImage] }, image.archive);
  writeStamp(stamp, hash);
  return image;
}
