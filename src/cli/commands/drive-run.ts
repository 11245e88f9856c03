/** What run, resume, approve and rollback have in common: drive, show, say what is next, and the exit code. */

import type { Driven, DriveOptions } from '../../app/drive.js';
import { describeFailure, exitCodes, failuresOf } from '../../domain/errors.js';
import { listenForInterrupts } from '../interrupts.js';
import type { Output } from '../output.js';
import { openProgressLines } from '../progress-lines.js';
import { askFor } from '../question.js';
import { shadowText } from './shadow-text.js';
import { operator } from './shared-options.js';

export interface DriveRun {
  readonly stateDir: string;
  readonly run: string;
  readonly ask: DriveOptions['ask'];
  readonly autoApprove: boolean;
  readonly withoutAcks: boolean;
  /** Approve this gate (or whichever comes first) and no other. */
  readonly approveOnce?: { readonly gate: string | undefined };
  readonly lockTimeoutMs: number;
  readonly input: boolean;
}

/** Returns the exit code. */
export async function driveRun(out: Output, env: NodeJS.ProcessEnv, options: DriveRun): Promise<number> {
  const { drive } = await import('../../app/drive.js');
  const { openRunFolder } = await import('../../app/run-folder.js');
  const folder = openRunFolder(options.stateDir, options.run);
  const interrupts = listenForInterrupts(out.say);
  let approvals = options.approveOnce === undefined ? 0 : 1;
  const lines = openProgressLines(out, () => folder.plan().steps.map((s) => s.id));
  try {
    const driven = await drive({
      folder,
      env,
      by: operator(env),
      ask: options.ask,
      autoApprove: options.autoApprove,
      withoutAcks: options.withoutAcks,
      lockTimeoutMs: options.lockTimeoutMs,
      interrupts,
      onLine: (line) => lines.show(line),
      onWarning: (warning) => out.say(`Note: ${describeFailure(warning)}`),
      async askGate(view, differences, shadow) {
        lines.end();
        if (shadow !== undefined) out.say(shadowText(shadow, options.run));
        if (approvals > 0 && (options.approveOnce?.gate === undefined || options.approveOnce.gate === view.gate?.name)) {
          approvals -= 1;
          return true;
        }
        return options.input && (await askAtGate(out, view, differences));
      },
    });
    lines.end();
    return tell(out, options.run, driven, interrupts.count());
  } catch (error) {
    lines.end();
    if (failuresOf(error)?.[0]?.code !== 'interrupted') throw error;
    out.failures(failuresOf(error) ?? []);
    return exitCodes.interrupted;
  }
}

async function askAtGate(out: Output, view: Driven['view'], differences: readonly string[]): Promise<boolean> {
  const c = out.colours;
  out.say('');
  out.say(c.bold(`Gate: ${view.gate?.name ?? ''}`));
  out.say(view.gate?.question ?? '');
  if (differences.length > 0) {
    out.say('The cluster has changed since the plan was made; the rest was planned anew:');
    for (const difference of differences) out.say(`  ~ ${difference}`);
  }
  const answer = await askFor(`Type "yes" to go on; anything else stops here (the run can be approved later): `);
  return answer === 'yes';
}

function tell(out: Output, run: string, { view, differences, shadow }: Driven, interrupts: number): number {
  const { value, progress, gate, defect, plan } = view;
  out.object('RunState', {
    run,
    state: value,
    gate: gate?.name,
    differences,
    outcome: progress.outcome,
    failures: progress.failure?.failures ?? [],
    ...(shadow === undefined ? {} : { shadow }),
  });
  const c = out.colours;
  if (value === 'succeeded') {
    out.say(c.green(`Run ${run} has succeeded.`));
    // In a cutover the key of the CA is with the issuer; those of its leaves were on the nodes.
    const kept = plan.steps.some(({ kind }) => kind === 'issue-root') ? 'Keys of before: they are' : 'Outgoing key: it is';
    out.say(`  ${kept} still in the encrypted checkpoints. After a soak: rotate-ca finalize ${run}`);
    out.say(`  To take everything back until then: rotate-ca rollback ${run}`);
    return exitCodes.ok;
  }
  if (value === 'rolledBack') {
    out.say(c.yellow(`Run ${run} was taken back. Everything is as before.`));
    return exitCodes.rolledBack;
  }
  if (value === 'awaitingApproval') {
    for (const difference of differences) out.say(`  ~ ${difference}`);
    out.say(`Run ${run} waits at the gate ${c.bold(gate?.name ?? '')}: ${gate?.question ?? ''}`);
    out.say(`  Go on:     rotate-ca approve ${run}${gate === undefined ? '' : ` --gate ${gate.name}`}`);
    out.say(`  Take back: rotate-ca rollback ${run}`);
    return exitCodes.waiting;
  }
  if (value.endsWith('paused')) {
    out.say(`Run ${run} has stopped at a safe point. Go on: rotate-ca resume ${run}`);
    return interrupts > 0 ? exitCodes.interrupted : exitCodes.waiting;
  }
  const failures = progress.failure?.failures ?? (progress.guard === null ? [] : [progress.guard.failure]);
  out.failures(failures);
  if (defect !== undefined && defect !== null) {
    out.say(c.red(`A defect ended the run: ${defect instanceof Error ? (defect.stack ?? defect.message) : String(defect)}`));
  }
  out.say(`Run ${run} is ${value}. Look: rotate-ca status ${run}; go on: rotate-ca resume ${run}; take back: rotate-ca rollback ${run}`);
  return progress.direction === 'back' ? exitCodes.notRolledBack : exitCodes.error;
}
