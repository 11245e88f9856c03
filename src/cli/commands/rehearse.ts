/** rotate-ca rehearse: a whole rotation on a staging cluster that is made for it and removed afterwards. */

import { type Command, Option } from 'commander';
import type { Availability } from '../../app/rehearse-availability.js';
import { checkPlaybook } from '../../app/make-plan.js';
import { type Rehearsal, rehearse } from '../../app/rehearse.js';
import { interruption, type StagingProcess } from '../../app/rehearse-process.js';
import { startSomewhere } from '../../app/rehearse-start.js';
import { specFor } from '../../app/rehearse-spec.js';
import { describeFailure, exitCodes, fail, failuresOf } from '../../domain/errors.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { Context } from '../context.js';
import { openRehearsalLines, type RehearsalLines } from '../rehearsal-lines.js';
import { playbookFile } from '../playbook-file.js';
import { faultsHelp, rehearseWithFaults } from './rehearse-faults.js';
import { nextText, rehearsalText, startText, troublesOf } from './rehearsal-text.js';
import { pokeText } from './rehearsal-poke.js';
import { operator } from './shared-options.js';

interface RehearseFlags {
  readonly topology: string;
  readonly from?: string;
  readonly playbook: string;
  readonly speed?: string;
  readonly slow: boolean;
  readonly keep: boolean;
  readonly faults?: string;
  readonly seed?: string;
}

/** Waits of a real cluster pass so many times as fast. */
const usualSpeed = 20;
const slowSpeed = 4;
/** Lines of what is not ready: after a few nodes the rest follows from them. */
const mostNotReady = 8;

export function addRehearseCommand(program: Command, context: Context): void {
  program
    .command('rehearse')
    .summary('a whole rotation on a staging cluster of its own')
    .description(
      'Makes a staging cluster on loopback addresses (real SSH, real TLS, an embedded Vault), rotates its CA as "run" would, shows what came of it, and removes it. Needs no root and no network.',
    )
    .addOption(new Option('--topology <topology>', '"small" (1+1), "ha" (3+3), or control planes + workers, as 3+20').default('ha'))
    .addOption(new Option('--from <plan>', 'like the cluster of a saved plan: same nodes, files, names, validity, flags').conflicts('topology'))
    .option('-p, --playbook <file>', 'a playbook file, or the name of one that comes with rotate-ca', 'cluster-ca')
    .option('--speed <n>', `how many times as fast as in a real cluster waits pass (default: ${usualSpeed})`)
    .addOption(new Option('--slow', `for a demonstration: --speed ${slowSpeed}`).default(false).conflicts('speed'))
    .option('--keep', 'leave the cluster up until Ctrl-C, and say how to look at it', false)
    .option('--faults <what>', 'what comes of faults: "all", "sample" (a few in one run), or NAME[@STEP[:TARGET]]; on the topology "small" unless another is given')
    .option('--seed <seed>', 'of --faults: the same seed draws the same cases')
    .addHelpText('after', faultsHelp())
    .action(async (flags: RehearseFlags, command: Command) => {
      const topology = command.getOptionValueSource('topology') === 'default' ? undefined : flags.topology;
      context.end(await (flags.faults === undefined ? rehearseAs(flags, context) : faultsAs({ ...flags, faults: flags.faults }, topology, context)));
    });
}

async function faultsAs(flags: RehearseFlags & { readonly faults: string }, topology: string | undefined, context: Context): Promise<number> {
  const { faults, seed, from, keep } = flags;
  const interrupts = listen();
  try {
    return await rehearseWithFaults(
      {
        faults,
        keep,
        playbookFile: playbookFile(flags.playbook),
        speed: speedOf(flags),
        ...(seed === undefined ? {} : { seed }),
        ...(topology === undefined ? {} : { topology }),
        ...(from === undefined ? {} : { from }),
      },
      context,
      interrupts,
    );
  } finally {
    interrupts.stop();
  }
}

async function rehearseAs(flags: RehearseFlags, { out, env }: Context): Promise<number> {
  const speed = speedOf(flags);
  const playbook = playbookFile(flags.playbook);
  checkPlaybook(playbook);
  const interrupts = listen();
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
      playbookFile: playbook,
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
    interrupts.stop();
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

function speedOf(flags: RehearseFlags): number {
  if (flags.slow) return slowSpeed;
  if (flags.speed === undefined) return usualSpeed;
  const speed = Number(flags.speed);
  if (speed >= 1 && speed <= 50) return speed;
  return fail('usage', { target: '--speed', summary: `"${flags.speed}" is no speed`, nextAction: 'Give a number from 1 (as in a real cluster) to 50.' });
}

interface RehearsalInterrupts {
  readonly signal: AbortSignal;
  onPause(listener: () => void): void;
  onLeave(listener: () => void): void;
  stop(): void;
}

/** A rehearsal has no safe point that anybody goes on from: the first Ctrl-C ends it. */
function listen(): RehearsalInterrupts {
  const controller = new AbortController();
  const leave: (() => void)[] = [];
  const heard = (): void => {
    controller.abort();
    for (const listener of leave) listener();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, heard);
  return {
    signal: controller.signal,
    onPause: () => undefined,
    onLeave: (listener) => void leave.push(listener),
    stop() {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, heard);
    },
  };
}
