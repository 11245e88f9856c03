/** What the state folder knows of runs, read without a lock: journals are only ever appended to. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readJournal } from '../adapters/disk/journal.js';
import { fail } from '../domain/errors.js';
import type { Plan } from '../domain/plan/plan.js';
import { advance, type Progress, untouched } from '../domain/run/progress.js';
import type { JournalLine } from '../ports/journal.js';
import { openRunFolder, runFolderOf } from './run-folder.js';

export interface RunOverview {
  readonly run: string;
  readonly folder: string;
  readonly plan: Plan;
  readonly progress: Progress;
  readonly lines: readonly JournalLine[];
}

/** Names of runs, oldest first. */
export function listRuns(stateDir: string): string[] {
  const runs = join(stateDir, 'runs');
  if (!existsSync(runs)) return [];
  const journal = (run: string): string => join(runs, run, 'journal.jsonl');
  return readdirSync(runs)
    .filter((run) => existsSync(journal(run)))
    .sort((a, b) => statSync(join(runs, a)).birthtimeMs - statSync(join(runs, b)).birthtimeMs || a.localeCompare(b));
}

/** The run that was named, or the only one, or the newest that has not ended. Throws run-unknown. */
export function chooseRun(stateDir: string, named: string | undefined): string {
  if (named !== undefined) return named;
  const runs = listRuns(stateDir);
  const open = runs.filter((run) => overviewOf(stateDir, run).progress.outcome === null);
  const [only] = open.length > 0 ? open : runs;
  if (only !== undefined && (open.length === 1 || runs.length === 1)) return only;
  return fail('run-unknown', {
    target: stateDir,
    summary: runs.length === 0 ? 'there are no runs' : 'there are several runs',
    cause: runs.join(', '),
    nextAction: runs.length === 0 ? 'Run "rotate-ca plan", then "rotate-ca run".' : 'Name one of them.',
  });
}

/** Throws run-unknown, journal-broken, plan-invalid. */
export function overviewOf(stateDir: string, run: string): RunOverview {
  const folder = openRunFolder(stateDir, run);
  const lines = readJournal(join(runFolderOf(stateDir, run), 'journal.jsonl'));
  const progress = lines.reduce((p, line) => advance(p, line.fact), untouched);
  return { run, folder: folder.folder, plan: folder.plan(progress.planDigest === '' ? undefined : progress.planDigest), progress, lines };
}
