/** The end of the outgoing CA: its key is destroyed where this run has kept it. No step of a run, and no way back afterwards. */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../adapters/disk/durable-file.js';
import { fail } from '../domain/errors.js';
import { writeDuration } from '../domain/plan/duration.js';
import type { Plan } from '../domain/plan/plan.js';
import { artefactNames } from '../operations/run-files.js';
import { listRuns, overviewOf } from './list-runs.js';
import { openRunFolder } from './run-folder.js';
import { openWorld } from './world.js';

export interface Finalization {
  readonly run: string;
  /** Files that are deleted. */
  readonly copies: readonly string[];
  /** The outgoing CA at the issuer, if an earlier run of this state folder had it made there: issuer and key are deleted. */
  readonly atIssuer?: { readonly issuerId: string; readonly keyId: string; readonly madeBy: string };
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
  if (!(left <= 0))
    refuse(
      `it has to soak for ${writeDuration(soakMs)} first, ${writeDuration(Math.ceil(left / 60_000) * 60_000)} are left`,
      'Come back then; until then everything can be taken back with "rotate-ca rollback".',
    );
  const atIssuer = earlierIssuer(stateDir, run);
  return {
    run,
    copies,
    ...(atIssuer === undefined ? {} : { atIssuer }),
    outOfReach: [
      ...(atIssuer === undefined ? ['the issuer, if the outgoing CA was made there by a run that this state folder does not know'] : []),
      'backups of nodes and of etcd that others have made: images, Velero, cron jobs',
      'copies of this state folder: backups of this machine',
      'kubeconfigs of people, CI and monitoring: they hold leaves of the outgoing CA, which are refused, and its certificate',
      'deleted files on the disks of the nodes: on flash and copy-on-write file systems old blocks live on',
    ],
  };
}

/** The outgoing CA of this run is the incoming one of an earlier run: its artefacts say under which ids the issuer has it. */
function earlierIssuer(stateDir: string, run: string): Finalization['atIssuer'] {
  const artefactsOf = (name: string) => openRunFolder(stateDir, name).artefacts(overviewOf(stateDir, name).progress.attempt);
  const outgoing = artefactsOf(run).get(artefactNames.outgoingCa);
  const earlier = listRuns(stateDir).find((other) => other !== run && outgoing !== undefined && artefactsOf(other).get(artefactNames.incomingCa)?.trim() === outgoing.trim());
  const ids = earlier === undefined ? undefined : artefactsOf(earlier).get(artefactNames.incomingIssuer);
  if (earlier === undefined || ids === undefined) return undefined;
  const { issuerId, keyId } = JSON.parse(ids) as { issuerId: string; keyId: string };
  return { issuerId, keyId, madeBy: earlier };
}

/** Deletes the copies and writes it down. The fact comes first: what is half done is told as done, and a second call ends it. */
export async function destroyOutgoing(stateDir: string, finalization: Finalization, options: { by: string; env: NodeJS.ProcessEnv }): Promise<void> {
  const folder = openRunFolder(stateDir, finalization.run);
  const { journal } = folder.openJournal();
  try {
    const { atIssuer } = finalization;
    const issuerCopy = atIssuer === undefined ? [] : [`issuer ${atIssuer.issuerId} and key ${atIssuer.keyId}`];
    journal.append({ type: 'outgoing.destroyed', copies: [...issuerCopy, ...finalization.copies], by: options.by });
    // The issuer first: if it does not answer, the files are still there and a second call ends what is begun.
    if (atIssuer !== undefined) await destroyAtIssuer(overviewOf(stateDir, finalization.run).plan, atIssuer, options.env);
    for (const copy of finalization.copies) rmSync(copy, { force: true });
    syncFolder(join(folder.folder, 'checkpoints'));
  } finally {
    journal.close();
  }
}

async function destroyAtIssuer(plan: Plan, ca: { issuerId: string; keyId: string }, env: NodeJS.ProcessEnv): Promise<void> {
  const world = await openWorld({ settings: plan.settings, env });
  try {
    await (await world.issuer()).destroyCa(ca);
  } finally {
    await world.close();
  }
}

/** After this there is nothing to go back to. Throws decision-refused. */
export function refuseIfFinal(stateDir: string, run: string): void {
  if (overviewOf(stateDir, run).lines.some((l) => l.fact.type === 'outgoing.destroyed')) {
    fail('decision-refused', {
      target: run,
      summary: 'there is no way back',
      cause: 'the outgoing key was destroyed by "rotate-ca finalize"',
      nextAction: 'Make a new plan to rotate to another CA.',
    });
  }
}
