/** rotate-ca rehearse without faults: the cluster, the run, what came of it. */

import type { Availability } from '../../app/rehearse-availability.js';
import { checkPlaybook } from '../../app/make-plan.js';
import { type Rehearsal, rehearse } from '../../app/rehearse.js';
import { interruption, type StagingProcess } from '../../app/rehearse-process.js';
import { startSomewhere } from '../../app/rehearse-start.js';
import { specFor } from '../../app/rehearse-spec.js';
import { describeFailure, exitCodes, failuresOf } from '../../domain/errors.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { Context } from '../context.js';
import { openRehearsalLines, type RehearsalLines } from '../rehearsal-lines.js';
import { nextText, rehearsalText, startText, troublesOf } from './rehearsal-text.js';
import { pokeText } from './rehearsal-poke.js';
import { operator } from './shared-options.js';

export interface WholeFlags {
  readonly topology: string;
  readonly from?: string;
  readonly playbookFile: string;
  readonly speed: number;
  readonly keep: boolean;
}

export interface RehearsalInterrupts {
  readonly signal: AbortSignal;
  onPause(listener: () => void): void;
  onLeave(listener: () => void): void;
}

/** Lines of what is not ready: after a few nodes the rest follows from them. */
const mostNotReady = 8;

/** Returns the exit code. Throws usage, playbook-invalid, plan-invalid, inventory-invalid before anything is started. */
export async function rehearseWhole(flags: WholeFlags, { out, env }: Context, interrupts: RehearsalInterrupts): Promise<number> {
  const { speed } = flags;
  checkPlaybook(flags.playbookFile);
  let staging: StagingProcess | undefined;
  let plan: Plan | undefined;
  let lines: RehearsalLines | undefined;
  try {
    lines = openRehearsalLines(out, () => plan);
    const place = specFor({ topology: flags.topology, ...(flags.from === undefined ? {} : { from: flags.from }) });
    const { spec, staging: made } = await startSomewhere({
      place,
      speed,
      signal: interrupts.signal,
      onPlace(chosen) {
        lines?.wipe();
        out.say(startText(chosen, speed));
        lines?.during('making keys, certificates and nodes, waiting until the cluster is ready');
      },
      onTaken(port) {
        lines?.wipe();
        out.say(`${port} was taken meanwhile.`);
      },
    });
    staging = made;
    const { started } = staging;
    lines.wipe();
    out.say(`It is up after ${(started.tookMs / 1000).toFixed(1)} s.`);
    for (const line of started.notReady.slice(0, mostNotReady)) out.say(out.colours.yellow(`Not ready: ${line}`));
    if (started.notReady.length > mostNotReady) out.say(out.colours.yellow(`Not ready: ${started.notReady.length - mostNotReady} more`));
    lines.during('reading the cluster, planning');
    const rehearsal = await rehearse({
      staging,
      playbookFile: flags.playbookFile,
      speed,
      env,
      name: 'rehearsal',
      by: operator(env),
      signal: interrupts.signal,
      interrupts,
      onPlan(made) {
        plan = made;
        lines?.wipe();
        out.say(`Planned: ${made.steps.length} steps; ${made.dropped.length} of the playbook are not needed on this cluster.`);
      },
      onLine: (line, availability: Availability) => lines?.show(line, availability),
      onWarning(warning) {
        lines?.wipe();
        out.say(`Note: ${describeFailure(warning)}`);
      },
    });
    lines.end();
    if (interrupts.signal.aborted) throw interruption();
    const code = tell(rehearsal, { out }, spec.notReproduced);
    if (flags.keep) {
      const { folder, sshConfig, kubeconfig, env: shell } = started.operator;
      out.object('Kept', { folder, sshConfig, kubeconfig, env: shell });
      out.result(pokeText(started.operator, spec));
      await new Promise<void>((resolve) => interrupts.signal.addEventListener('abort', () => resolve(), { once: true }));
      return code;
    }
    return code;
  } catch (error) {
    // What a run meets that is stopped in the middle is no news.
    throw interrupts.signal.aborted && failuresOf(error) !== undefined ? interruption() : error;
  } finally {
    lines?.end();
    await staging?.stop();
  }
}

function tell(rehearsal: Rehearsal, { out }: Pick<Context, 'out'>, notReproduced: readonly string[]): number {
  const { view, availability } = rehearsal;
  const troubles = troublesOf(rehearsal);
  out.object('Rehearsal', {
    state: view.value,
    steps: rehearsal.plan.steps.length,
    tookMs: rehearsal.tookMs,
    checks: rehearsal.checks,
    api: { ...availability.total(), places: Object.fromEntries(availability.places()), failures: availability.failures() },
    pods: rehearsal.pods,
    sweep: rehearsal.sweep,
    notReproduced,
    troubles,
    failures: view.progress.failure?.failures ?? [],
  });
  out.result(rehearsalText(rehearsal, out, notReproduced));
  if (view.value !== 'succeeded') {
    out.failures(view.progress.failure?.failures ?? (view.progress.guard === null ? [] : [view.progress.guard.failure]));
    const { defect } = view;
    if (defect !== undefined && defect !== null) out.say(out.colours.red(`A defect ended the run: ${defect instanceof Error ? (defect.stack ?? defect.message) : String(defect)}`));
    out.say(`The run is ${view.value}. The cluster was staging: nothing else was touched.`);
    return exitCodes.error;
  }
  for (const trouble of troubles) out.say(out.colours.red(`Trouble: ${trouble}`));
  out.result(`\n${nextText}`);
  return troubles.length === 0 ? exitCodes.ok : exitCodes.error;
}
