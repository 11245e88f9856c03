/** The folder of a run: plan, amended plans, journal, checkpoints, artefacts. */

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openSealing } from '../adapters/age/sealing.js';
import { openArtefacts } from '../adapters/disk/artefacts.js';
import { type DiskCheckpoints, openCheckpoints } from '../adapters/disk/checkpoints.js';
import { failOnDisk, makePrivateFolder, writeNewFile } from '../adapters/disk/durable-file.js';
import { openJournal, type OpenedJournal } from '../adapters/disk/journal.js';
import { readPlan } from '../domain/plan/digest.js';
import type { Plan, Settings } from '../domain/plan/plan.js';
import { fail } from '../domain/errors.js';
import { enginePrefix } from '../operations/run-files.js';
import type { Artefacts } from '../ports/artefacts.js';

export interface RunFolder {
  readonly run: string;
  readonly folder: string;
  /** The plan that the journal follows now: the first one, or an amendment. */
  plan(digest?: string): Plan;
  savePlan(plan: Plan): void;
  openJournal(): OpenedJournal;
  checkpoints(settings: Pick<Settings, 'recipients' | 'identityFile'>): DiskCheckpoints;
  /** Artefacts as an attempt sees them: its own, else those of the attempt before that made them. */
  artefacts(attempt: number): Artefacts;
  /** Certificates (PEM) with which the engine itself has come in, of all attempts. */
  engineCertificates(): string[];
}

export function runFolderOf(stateDir: string, run: string): string {
  return join(stateDir, 'runs', run);
}

/** Makes the folder of a new run, 0700, with its plan in it. Throws usage if there is one of that name. */
export function createRunFolder(stateDir: string, run: string, plan: Plan): RunFolder {
  const folder = runFolderOf(stateDir, run);
  const journal = join(folder, 'journal.jsonl');
  // An empty journal: the plan was refused before anything was written.
  if (existsSync(journal) && statSync(journal).size > 0) {
    return fail('usage', { target: run, summary: 'there is a run of this name already', nextAction: `Run "rotate-ca resume ${run}", or give another --name.` });
  }
  rmSync(join(folder, 'plans'), { recursive: true, force: true });
  try {
    for (const part of ['', 'checkpoints', 'artefacts', 'plans']) makePrivateFolder(join(folder, part));
    const opened = at(folder, run);
    opened.savePlan(plan);
    return opened;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return failOnDisk(error, folder, 'The folder of the run');
  }
}

/** Throws run-unknown. */
export function openRunFolder(stateDir: string, run: string): RunFolder {
  const folder = runFolderOf(stateDir, run);
  if (!existsSync(folder)) {
    return fail('run-unknown', {
      target: run,
      summary: `there is no run of this name in ${stateDir}`,
      nextAction: 'Run "rotate-ca status" for a list of runs, or give the right --state-dir.',
    });
  }
  return at(folder, run);
}

function at(folder: string, run: string): RunFolder {
  const planFile = (digest: string): string => join(folder, 'plans', `${digest}.json`);
  return {
    run,
    folder,
    plan(digest) {
      const wanted = digest ?? readFileSync(join(folder, 'plans', 'first'), 'utf8').trim();
      return readPlan(readFileSync(planFile(wanted), 'utf8'), planFile(wanted));
    },
    savePlan(plan) {
      writeNewFile(planFile(plan.digest), Buffer.from(`${JSON.stringify(plan, null, 1)}\n`));
      writeNewFile(join(folder, 'plans', 'first'), Buffer.from(`${plan.digest}\n`));
    },
    openJournal: () => openJournal({ file: join(folder, 'journal.jsonl'), now: Date.now }),
    checkpoints: (settings) => openCheckpoints({ folder: join(folder, 'checkpoints'), sealing: openSealing(settings) }),
    artefacts(attempt) {
      const own = openArtefacts({ folder: join(folder, 'artefacts', String(attempt)) });
      return {
        put: (name, text) => own.put(name, text),
        get(name) {
          for (let n = attempt; n > 0; n--) {
            const text = (n === attempt ? own : openArtefacts({ folder: join(folder, 'artefacts', String(n)) })).get(name);
            if (text !== undefined) return text;
          }
          return undefined;
        },
      };
    },
    engineCertificates: () =>
      foldersIn(join(folder, 'artefacts')).flatMap((attempt) => {
        const made = openArtefacts({ folder: join(folder, 'artefacts', attempt) });
        return made.list().flatMap((name) => (name.startsWith(enginePrefix) ? [made.get(name) ?? ''] : []));
      }),
  };
}

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
