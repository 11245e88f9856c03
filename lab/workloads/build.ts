import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeImageArchive } from '../build/image-archive.js';
import { inputsHash, isFresh, writeStamp } from '../build/stamp.js';
import type { LabPaths } from '../lab.js';
import { buildGoProgram } from './go-program.js';
import { type FeltImage, feltImages } from './images.js';
import type { NodeImage } from './node-images.js';

export type Report = (line: string) => void;

/** The image of one of the three programs. */
export interface BuiltImage extends NodeImage {
  readonly language: FeltImage['language'];
}

const here = dirname(fileURLToPath(import.meta.url));

export function feltProgram(paths: LabPaths): string {
  return join(paths.bin, 'felt');
}

/** Builds the Go program and packs the three images. What is built already stays as it is. */
export async function buildWorkloads(lab: { readonly paths: LabPaths }, report: Report = () => undefined): Promise<BuiltImage[]> {
  const { paths } = lab;
  await buildGoProgram(paths, { name: 'felt', folder: join(here, 'go') }, report);
  mkdirSync(paths.images, { recursive: true });
  const built: BuiltImage[] = [];
  for (const image of await feltImages(paths)) {
    const files = [...image.files].sort(([a], [b]) => (a < b ? -1 : 1));
    const hash = inputsHash({
      files: files.map(([, source]) => source),
      strings: [...files.map(([path]) => path), ...image.entrypoint],
    });
    // The tag says what is inside, so that a node never runs an older image under the same name.
    const reference = `rotate-ca.lab/felt-${image.language}:${hash.slice(0, 12)}`;
    const archive = join(paths.images, `felt-${image.language}.tar`);
    const stamp = join(paths.images, `felt-${image.language}.stamp`);
    if (!isFresh(stamp, hash, [archive])) {
      report(`packing ${reference}`);
      await writeImageArchive({ reference, files: image.files, entrypoint: image.entrypoint }, archive);
      writeStamp(stamp, hash);
    }
    built.push({ language: image.language, reference, archive });
  }
  return built;
}
