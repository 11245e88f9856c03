import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf, runCommand } from '../command.js';
import { inputsHash, isFresh, writeStamp } from '../build/stamp.js';
import type { LabPaths } from '../lab.js';

/** A Go module of the lab that makes one program. */
export interface GoProgram {
  readonly name: string;
  readonly folder: string;
}

const linkerFlags = '-s -w';

/** Builds `bin/<name>` unless it was built from exactly these sources. Returns the program's path. */
export async function buildGoProgram(paths: Pick<LabPaths, 'bin' | 'log'>, program: GoProgram, report: (line: string) => void): Promise<string> {
  mkdirSync(paths.bin, { recursive: true });
  mkdirSync(paths.log, { recursive: true });
  const compiler = await outputOf('go', ['env', 'GOVERSION']);
  const hash = inputsHash({ files: [program.folder], strings: [compiler, linkerFlags] });
  const output = join(paths.bin, program.name);
  const stamp = join(paths.bin, `${program.name}.stamp`);
  if (isFresh(stamp, hash, [output])) return output;
  report(`building ${program.name}`);
  await runCommand('go', ['build', '-ldflags', linkerFlags, '-o', output, '.'], {
    cwd: program.folder,
    env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=readonly', GOTOOLCHAIN: 'local' },
    timeoutMs: 15 * 60_000,
    logFile: join(paths.log, `build-${program.name}.log`),
  });
  writeStamp(stamp, hash);
  return output;
}
