/** rotate-ca rehearse: a whole rotation on a staging cluster that is made for it and removed afterwards. */

import { type Command, Option } from 'commander';
import { faultKinds } from '../../app/faults/fault-kinds.js';
import { fail } from '../../domain/errors.js';
import type { Context } from '../context.js';
import { playbookFile, playbookOfPlan } from '../playbook-file.js';
import type { RehearsalInterrupts } from './rehearse-whole.js';

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
export const usualSpeed = 20;
const slowSpeed = 4;

export function addRehearseCommand(program: Command, context: Context): void {
  program
    .command('rehearse')
    .summary('a whole rotation on a staging cluster of its own')
    .description(
      'Makes a staging cluster on loopback addresses (real SSH, real TLS, an embedded Vault), rotates its CA as "run" would, shows what came of it, and removes it. Needs no root and no network.',
    )
    .addOption(
      new Option(
        '--topology <topology>',
        '"small" (1+1), "ha" (3+3), or control planes + workers, as 3+20; "hard-way" (3+2) or "hard-way:1+1" for one that was made by hand',
      ).default('ha'),
    )
    .addOption(new Option('--from <plan>', 'like the cluster of a saved plan: same nodes, files, names, validity, flags').conflicts('topology'))
    .option('-p, --playbook <file>', 'a playbook file, or the name of one that comes with rotate-ca; with --from that of the plan', 'cluster-ca')
    .option('--speed <n>', `how many times as fast as in a real cluster waits pass (default: ${usualSpeed})`)
    .addOption(new Option('--slow', `for a demonstration: --speed ${slowSpeed}`).default(false).conflicts('speed'))
    .option('--keep', 'leave the cluster up until Ctrl-C, and say how to look at it', false)
    .option('--faults <what>', 'what comes of faults: "all", "sample" (a few in one run), or NAME[@STEP[:TARGET]]; on the topology "small" unless another is given')
    .option('--seed <seed>', 'of --faults: the same seed draws the same cases')
    .addHelpText('after', faultsHelp())
    .action(async (flags: RehearseFlags, command: Command) => {
      const { faults, seed, from, keep, topology } = flags;
      const isOwnPlaybook = command.getOptionValueSource('playbook') !== 'default';
      const ofPlan = from === undefined || isOwnPlaybook ? undefined : playbookOfPlan(from);
      const common = { playbookFile: ofPlan ?? playbookFile(flags.playbook), speed: speedOf(flags), keep, ...(from === undefined ? {} : { from }) };
      const isDefault = command.getOptionValueSource('topology') === 'default';
      const interrupts = listen();
      try {
        if (faults === undefined) {
          const { rehearseWhole } = await import('./rehearse-whole.js');
          context.end(await rehearseWhole({ ...common, topology }, context, interrupts));
        } else {
          const { rehearseWithFaults } = await import('./rehearse-faults.js');
          const drawn = { faults, ...(seed === undefined ? {} : { seed }), ...(isDefault ? {} : { topology }) };
          context.end(await rehearseWithFaults({ ...common, ...drawn }, context, interrupts));
        }
      } finally {
        interrupts.stop();
      }
    });
}

/** For --help. */
function faultsHelp(): string {
  return `\nFaults, each NAME, NAME@STEP or NAME@STEP:TARGET for --faults:\n${faultKinds.map(({ name, what }) => `  ${name.padEnd(28)} ${what}`).join('\n')}\n`;
}

function speedOf(flags: RehearseFlags): number {
  if (flags.slow) return slowSpeed;
  if (flags.speed === undefined) return usualSpeed;
  const speed = Number(flags.speed);
  if (speed >= 1 && speed <= 50) return speed;
  return fail('usage', { target: '--speed', summary: `"${flags.speed}" is no speed`, nextAction: 'Give a number from 1 (as in a real cluster) to 50.' });
}

/** A rehearsal has no safe point that anybody goes on from: the first Ctrl-C ends it. */
export function listen(): RehearsalInterrupts & { stop(): void } {
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
