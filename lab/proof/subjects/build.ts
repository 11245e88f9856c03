import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeImageArchive } from '../../build/image-archive.js';
import { inputsHash, isFresh, writeStamp } from '../../build/stamp.js';
import { outputOf, runCommand } from '../../command.js';
import type { LabPaths } from '../../lab.js';
import type { NodeImage } from '../../workloads/node-images.js';

const here = dirname(fileURLToPath(import.meta.url));
const linkerFlags = '-s -w';

/** Programs of this layout's lab alone, so that what all labs share stays as it is. */
const programs = [
  { name: 'subject', folder: join(here, 'go'), package: '.' },
  { name: 'sample-apiserver', folder: join(here, 'sample-apiserver'), package: 'k8s.io/sample-apiserver' },
] as const;

type ProgramName = (typeof programs)[number]['name'];

/** Builds the programs from the Go module proxy and packs an image of each. What is built already stays as it is. */
export async function buildSubjects(paths: LabPaths, report: (line: string) => void): Promise<ReadonlyMap<ProgramName, NodeImage>> {
  const folder = join(paths.root, 'subjects');
  mkdirSync(folder, { recursive: true });
  const compiler = await outputOf('go', ['env', 'GOVERSION']);
  const built = new Map<ProgramName, NodeImage>();
  for (const { name, folder: source, package: main } of programs) {
    const hash = inputsHash({ files: [source], strings: [compiler, linkerFlags] });
    const program = join(folder, name);
    const archive = `${program}.tar`;
    const stamp = `${program}.stamp`;
    const reference = `rotate-ca.lab/${name}:${hash.slice(0, 12)}`;
    built.set(name, { reference, archive });
    if (isFresh(stamp, hash, [archive])) continue;
    report(`building ${name}`);
    await runCommand('nice', ['-n', '10', 'go', 'build', '-p', '1', '-ldflags', linkerFlags, '-o', program, main], {
      cwd: source,
      env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=readonly', GOTOOLCHAIN: 'local' },
      timeoutMs: 20 * 60_000,
      logFile: join(paths.log, `build-${name}.log`),
    });
    await writeImageArchive({ reference, files: new Map([[`/${name}`, program]]), entrypoint: [`/${name}`] }, archive);
    writeStamp(stamp, hash);
  }
  return built;
}
