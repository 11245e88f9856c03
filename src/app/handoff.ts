/** Writes what is handed to holders of the outgoing CA, and records that one of them has it. */

import { dirname, join, resolve } from 'node:path';
import { makePrivateFolder, replaceFile } from '../adapters/disk/durable-file.js';
import { takeLock } from '../adapters/disk/lock.js';
import { fail } from '../domain/errors.js';
import { didYouMean } from '../domain/source/nearest.js';
import { type HandoffFile, handoffFiles } from '../domain/trust/handoff.js';
import type { Shadow } from '../domain/trust/holders.js';
import { artefactNames } from '../operations/run-files.js';
import { adoptIncomingCredential } from '../operations/engine-credential.js';
import { overviewOf } from './list-runs.js';
import { openRunFolder } from './run-folder.js';
import { shadowNow } from './shadow.js';
import { openWorld } from './world.js';

export interface HandoffOptions {
  readonly stateDir: string;
  readonly run: string;
  readonly out?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Returns who would fail, and the files that were written (none without `out`). Throws decision-refused before the run has an incoming CA. */
export async function handOff({ stateDir, run, out, env, signal }: HandoffOptions): Promise<{ readonly shadow: Shadow; readonly files: readonly string[] }> {
  const { plan, progress, lines } = overviewOf(stateDir, run);
  const folder = openRunFolder(stateDir, run);
  const artefacts = folder.artefacts(progress.attempt);
  const [outgoing, incoming] = [artefacts.get(artefactNames.outgoingCa), artefacts.get(artefactNames.incomingCa)];
  if (outgoing === undefined || incoming === undefined) {
    return fail('decision-refused', {
      target: run,
      summary: 'there is nothing to hand over yet',
      cause: 'the run has no incoming CA',
      nextAction: `Run "rotate-ca resume ${run}" up to its first gate.`,
    });
  }
  const world = await openWorld({ settings: plan.settings, env });
  try {
    world.access.trustAlso(`${outgoing}${incoming}`);
    const holds = plan.steps.some(({ id, kind }) => kind === 'hold-credential' && Object.values(progress.marks[id] ?? {}).some(({ mark }) => mark === 'verified'));
    // The kubeconfig of before is no way in any more once the outgoing CA is dropped.
    if (holds) {
      const { access, roleIssuer } = world;
      await adoptIncomingCredential({ artefacts, issuer: await world.issuer(), roleIssuer: (roles) => roleIssuer(roles), signal, target: 'cluster', access });
    }
    const shadow = await shadowNow({ world, folder, lines, signal });
    if (out === undefined) return { shadow, files: [] };
    return { shadow, files: writeHandoff(out, handoffFiles({ run, server: plan.inventory.cluster.server, outgoing, incoming, holders: shadow.holders })) };
  } finally {
    await world.close();
  }
}

/** Returns their paths. 0600, in folders of 0700 where they are new: who holds what of the CA is nobody else's business. Throws usage. */
export function writeHandoff(out: string, files: readonly HandoffFile[]): string[] {
  return files.map(({ path, text }) => written(join(resolve(out), path), text));
}

function written(file: string, text: string): string {
  try {
    makePrivateFolder(dirname(file));
    replaceFile(file, Buffer.from(text, 'utf8'));
    return file;
  } catch (error) {
    return fail('usage', {
      target: '--out',
      summary: `${file} cannot be written`,
      cause: error instanceof Error ? error.message : String(error),
      nextAction: 'Give --out a folder that can be written to.',
    });
  }
}

/** Throws usage, with the holders there are, where the text is neither the id nor the user of one that is asked for. */
export function refuseUnknownHolder(holder: string, { holders }: Pick<Shadow, 'holders'>): void {
  const asked = holders.filter(({ asksAck }) => asksAck);
  if (asked.some(({ id, who }) => holder === id || holder === who)) return;
  const words = [...new Set(asked.flatMap(({ id, who }) => [who, id]))];
  fail('usage', {
    target: '--ack',
    summary: `no holder "${holder}" waits for an acknowledgement`,
    cause: asked.length === 0 ? 'nobody is asked for one' : `holders: ${asked.map(({ id }) => id).join(', ')}`,
    nextAction: `${didYouMean(holder, words)}Give a holder or a user as "rotate-ca handoff RUN" shows it.`,
  });
}

/** Reads who would fail, so that only they are acknowledged. Throws usage for anybody else, and state-locked while a process drives the run: it alone writes the journal then. */
export async function acknowledge({ holder, by, ...where }: Omit<HandoffOptions, 'out'> & { readonly holder: string; readonly by: string }): Promise<void> {
  const { stateDir, run } = where;
  const { progress } = overviewOf(stateDir, run);
  if (progress.outcome !== null) fail('decision-refused', { target: run, summary: `the run has ended: ${progress.outcome}`, nextAction: 'Nothing waits for an acknowledgement.' });
  refuseUnknownHolder(holder, (await handOff(where)).shadow);
  await writeDown({ stateDir, run, holder, by });
}

/** The acknowledgement into the journal. Throws state-locked while a process drives the run. */
export async function writeDown({ stateDir, run, holder, by }: Pick<HandoffOptions, 'stateDir' | 'run'> & { readonly holder: string; readonly by: string }): Promise<void> {
  const { plan } = overviewOf(stateDir, run);
  const file = join(plan.settings.stateDir, 'locks', `${plan.inventory.cluster.uid}.lock`);
  const lock = await takeLock({ file, owner: { operation: 'handoff', run }, now: Date.now, timeoutMs: 0 });
  try {
    const { journal } = openRunFolder(stateDir, run).openJournal();
    journal.append({ type: 'holder.acknowledged', holder, by });
    journal.close();
  } finally {
    lock.release();
  }
}
