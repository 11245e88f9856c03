import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputOf } from '../command.js';
import type { LabPaths } from '../lab.js';

/** What an image is made of: file in the image -> file of this machine. */
export interface FeltImage {
  readonly language: 'go' | 'node' | 'python';
  readonly files: ReadonlyMap<string, string>;
  readonly entrypoint: readonly string[];
}

const here = dirname(fileURLToPath(import.meta.url));
/** The distribution's interpreter, not one that a version manager puts first in PATH: that one's library is elsewhere. */
const python = '/usr/bin/python3';
const appFolder = '/app';

/** The shared libraries of programs and extension modules, under the paths where the loader looks for them. */
async function librariesOf(programs: readonly string[]): Promise<[string, string][]> {
  const listing = await outputOf('ldd', programs);
  const found = [...listing.matchAll(/(\/\S+\.so\S*) \(0x/g)].map(([, library]) => library ?? '');
  return [...new Set(found)].map((library) => [library, realpathSync(library)]);
}

async function nodeImage(): Promise<FeltImage> {
  const program = realpathSync(process.execPath);
  return {
    language: 'node',
    files: new Map([
      ['/usr/bin/node', program],
      ...(await librariesOf([program])),
      ...['felt.mjs', 'counters.mjs'].map((name): [string, string] => [join(appFolder, name), join(here, 'node', name)]),
    ]),
    entrypoint: ['/usr/bin/node', join(appFolder, 'felt.mjs')],
  };
}

/** Only those modules of the standard library that the program imports; it lists them itself. */
async function pythonImage(): Promise<FeltImage> {
  const sources = join(here, 'python');
  const flags = ['-B', '-S', '-E'];
  const listing = await outputOf(python, [...flags, join(sources, 'felt.py'), '--list-modules']);
  const modules = listing.split('\n').filter((file) => !file.startsWith(here));
  const extensions = modules.filter((file) => file.endsWith('.so'));
  const program = realpathSync(python);
  return {
    language: 'python',
    files: new Map([
      [program, program],
      ...(await librariesOf([program, ...extensions])),
      ...modules.map((file): [string, string] => [file, realpathSync(file)]),
      ...['felt.py', 'counters.py'].map((name): [string, string] => [join(appFolder, name), join(sources, name)]),
    ]),
    entrypoint: [program, ...flags, join(appFolder, 'felt.py')],
  };
}

/** The images of the three programs. The Go program must be built before. */
export async function feltImages(paths: LabPaths): Promise<FeltImage[]> {
  const go: FeltImage = { language: 'go', files: new Map([['/felt', join(paths.bin, 'felt')]]), entrypoint: ['/felt'] };
  return [go, await nodeImage(), await pythonImage()];
}
