import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LabPaths } from '../lab.js';
import { buildGoProgram } from '../workloads/go-program.js';

const here = dirname(fileURLToPath(import.meta.url));

/** Builds the prober unless it is there. Returns its path. */
export function buildProber(lab: { readonly paths: LabPaths }, report: (line: string) => void = () => undefined): Promise<string> {
  return buildGoProgram(lab.paths, { name: 'prober', folder: join(here, 'go') }, report);
}
