/** The end of the outgoing CA: its key is destroyed where this run has kept it. No step of a run, and no way back afterwards. */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../adapters/disk/durable-file.js';
import { fail } from '../domain/errors.js';
import { writeDuration } from '../domain/plan/duration.js';
import { overviewOf } from './list-runs.js';
import { openRunFolder } from './run-folder.js';

export interface Finalization {
  readonly run: string;
  /** Files that are deleted. */
  readonly copies: readonly string[];
  /** Where copies may be that we cannot reach, for the operator. */
  readonly outOfReach: readonly string[];
}

export interface FinalizeOptions {
  readonly stateDir: string;
  readonly run: string;
  readonly soakMs: number;
  readonly now: number;
}

/** What would be destroyed. Throws decision-refused before the run has succeeded and soaked, and after it was done. */
export function prepareFinalization({ stateDir, run, soakMs, now }: FinalizeOptions): Finalization {
  const { folder, progress, lines } = overviewOf(stateDir, run);
  const refuse = (cause: string, nextAction: string): never => fail('decision-refused', { target: run, summary: 'the outgoing key is not destroyed', cause, nextAction });
  const checkpoints = join(folder, 'checkpoints');
  const copies = existsSync(checkpoints) ? readdirSync(checkpoints).map((name) => join(checkpoints, name)) : [];
  // A call that was cut off has written it down and left copies: they are destroyed now.
  if (copies.length === 0 && lines.some((l) => l.fact.type === 'outgoing.destroyed')) refuse('that was done before', `Run "rotate-ca journal ${run}" for when and by whom.`);
  if (progress.outcome !== 'succeeded') refuse(`the run has not succeeded: ${progress.outcome ?? 'it is still going on'}`, `Run "rotate-ca status ${run}".`);
  const ended = lines.findLast((l) => l.fact.type === 'run.ended');
  const left = Date.parse(ended?.at ?? '') + soakMs - now;
  if (!(left <= 0)) refuse(`it has to soak for ${writeDuration(soakMs)} first, ${writeDuration(Math.ceil(left / 60_000) * 60_000)} are left`, 'Come back then; until then everything can be taken back with "rotate-ca rollback".');
  return {
    run,
    copies,
    outOfReach: [
      'backups of nodes and of etcd that others have made: images, Velero, cron jobs',
      'copies of this state folder: backups of this machine',
      'kubeconfigs of people, CI and monitoring: they hold leaves of the outgoing CA, which are refused, and its certificate',
      'deleted files on the disks of the nodes: on flash and copy-on-write file systems old blocks live on',
    ],
  };
}

/** Deletes the copies and writes it down. The fact comes first: what is half done is told as done, and a second call ends it. */
export function destroyOutgoing(stateDir: string, finalization: Finalization, by: string): void {
  const folder = openRunFolder(stateDir, finalization.run);
  const { journal } = folder.openJournal();
  try {
    journal.append({ type: 'outgoing.destroyed', copies: finalization.copies, by });
    for (const copy of finalization.copies) rmSync(copy, { force: true });
    syncFolder(join(folder.folder, 'checkpoints'));
  } finally {
    journal.close();
  }
}

/** After this there is nothing to go back to. Throws decision-refused. */
export function refuseIfFinal(stateDir: string, run: string): void {
  if (overviewOf(stateDir, run).lines.some((l) => l.fact.type === 'outgoing.destroyed')) {
    fail('decision-refused', { target: run, summary: 'there is no way back', cause: 'the outgoing key was destroyed by "rotate-ca finalize"', nextAction: 'Make a new plan to rotate to another CA.' });
  }
}
