/** Where runs are kept: XDG_STATE_HOME/rotate-ca/runs/RUN, for their owner only. */

import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fail } from '../../domain/errors.js';
import { failOnDisk, makePrivateFolder } from './durable-file.js';

export interface RunFolder {
  readonly run: string;
  readonly folder: string;
  readonly journal: string;
  readonly checkpoints: string;
  readonly artefacts: string;
}

export interface StateDir {
  readonly root: string;
  /** The lock of a cluster, by the UID of its namespace kube-system: two runs of one cluster exclude each other. */
  lockFile(clusterUid: string): string;
  /** Makes the folder of a new run, 0700. Throws RotationError usage if there is one of that name. */
  makeRun(run: string): RunFolder;
  /** Throws RotationError run-unknown, naming those that there are. */
  run(run: string): RunFolder;
  /** Names of the runs, sorted. */
  runs(): string[];
}

/** `override`: --state-dir. Nothing is made before the first run. */
export function openStateDir({ env, override }: { readonly env: Readonly<Record<string, string | undefined>>; readonly override?: string | undefined }): StateDir {
  const root = override === undefined ? join(stateHome(env), 'rotate-ca') : resolve(override);
  const runsFolder = join(root, 'runs');
  const of = (run: string): RunFolder => {
    const folder = join(runsFolder, run);
    return { run, folder, journal: join(folder, 'journal.jsonl'), checkpoints: join(folder, 'checkpoints'), artefacts: join(folder, 'artefacts') };
  };
  const runs = (): string[] =>
    existsSync(runsFolder)
      ? readdirSync(runsFolder, { withFileTypes: true })
          .filter((e) => e.isDirectory() && isRunName(e.name))
          .map((e) => e.name)
          .sort()
      : [];

  return {
    root,
    runs,
    lockFile: (clusterUid) => join(root, 'locks', `${clusterUid.replace(/[^A-Za-z0-9-]/g, '_')}.lock`),
    makeRun(run) {
      if (!isRunName(run)) return refuse('usage', run, 'a run is named with letters, digits, "-", "_" and "."', 'Choose another name');
      if (existsSync(of(run).folder)) return refuse('usage', run, 'there is a run of that name already', `Go on with "rotate-ca resume ${run}", or choose another name`);
      try {
        makePrivateFolder(of(run).folder);
      } catch (error) {
        return failOnDisk(error, of(run).folder, 'The folder of the run');
      }
      return of(run);
    },
    run(run) {
      if (isRunName(run) && existsSync(of(run).folder)) return of(run);
      const known = runs();
      return refuse(
        'run-unknown',
        run,
        `there is no such folder in "${runsFolder}"`,
        known.length === 0 ? 'There are no runs; begin with "rotate-ca plan"' : `The runs are: ${known.join(', ')}`,
      );
    },
  };
}

// The XDG base directory specification: relative paths are to be ignored.
function stateHome(env: Readonly<Record<string, string | undefined>>): string {
  const home = env.XDG_STATE_HOME ?? '';
  return isAbsolute(home) ? home : join(env.HOME ?? homedir(), '.local', 'state');
}

function isRunName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
}

function refuse(code: 'usage' | 'run-unknown', target: string, cause: string, nextAction: string): never {
  return fail(code, { target, summary: code === 'usage' ? 'The run cannot be begun' : 'The run is not known', cause, nextAction });
}
