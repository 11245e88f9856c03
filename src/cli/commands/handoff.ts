/** rotate-ca handoff: who would fail without the outgoing CA, what to hand to them, and who has it. */

import type { Command } from 'commander';
import { stateDirOf } from '../../app/settings.js';
import { exitCodes } from '../../domain/errors.js';
import type { Context } from '../context.js';
import { operator, withStateOption } from './shared-options.js';
import { shadowText } from './shadow-text.js';

export function addHandoffCommand(program: Command, { out, env, signal, end }: Context): void {
  withStateOption(program.command('handoff').argument('[run]').summary('who would fail without the outgoing CA, and what to hand to them'))
    .option('--out <folder>', 'write bundles, kubeconfigs without a credential, and a page for each holder')
    .option('--ack <holder>', 'record that this holder (or this user, with all that it holds) has what it needs')
    .action(async (named: string | undefined, flags: { stateDir?: string; out?: string; ack?: string }) => {
      const { chooseRun } = await import('../../app/list-runs.js');
      const { acknowledge, handOff } = await import('../../app/handoff.js');
      const stateDir = stateDirOf(flags, env);
      const run = chooseRun(stateDir, named);
      if (flags.ack !== undefined) {
        await acknowledge({ stateDir, run, holder: flags.ack, by: operator(env), env, signal });
        out.say(`Written down: ${flags.ack} has what it needs.`);
      } else {
        const { shadow, files } = await handOff({ stateDir, run, env, signal, ...(flags.out === undefined ? {} : { out: flags.out }) });
        out.object('Handoff', { run, shadow, files });
        out.result([shadowText(shadow, run), ...files].join('\n'));
      }
      end(exitCodes.ok);
    });
}
