/** rotate-ca resume, approve, rollback, pause: decisions about a run that exists. */

import { type Command, Option } from 'commander';
import { stateDirOf } from '../../app/settings.js';
import { exitCodes } from '../../domain/errors.js';
import type { Context } from '../context.js';
import { askFor } from '../question.js';
import { driveRun } from './drive-run.js';
import { type DriveFlags, lockTimeoutMs, withDriveOptions } from './run.js';
import { operator, withStateOption } from './shared-options.js';

type Flags = DriveFlags & { readonly stateDir?: string };

export function addDecisionCommands(program: Command, context: Context): void {
  const { out, env } = context;

  withDriveOptions(withStateOption(program.command('resume').argument('[run]').summary('go on with a run that stopped, was killed, or failed')))
    .option('--forward', 'go forward again with a run that was being taken back', false)
    .action(async (named: string | undefined, flags: Flags & { forward: boolean }) => {
      const stateDir = stateDirOf(flags, env);
      const { chooseRun } = await import('../../app/list-runs.js');
      const run = chooseRun(stateDir, named);
      context.end(
        await driveRun(out, env, {
          stateDir,
          run,
          ask: flags.forward ? 'forward' : 'resume',
          autoApprove: flags.autoApprove,
          withoutAcks: flags.withoutAcks,
          lockTimeoutMs: lockTimeoutMs(flags),
          input: flags.input,
        }),
      );
    });

  withDriveOptions(withStateOption(program.command('approve').argument('[run]').summary('approve the gate at which a run waits, and go on')))
    .addOption(new Option('--gate <name>', 'only if it waits at this gate'))
    .action(async (named: string | undefined, flags: Flags & { gate?: string }) => {
      const stateDir = stateDirOf(flags, env);
      const { chooseRun } = await import('../../app/list-runs.js');
      const run = chooseRun(stateDir, named);
      context.end(
        await driveRun(out, env, {
          stateDir,
          run,
          ask: 'resume',
          autoApprove: flags.autoApprove,
          withoutAcks: flags.withoutAcks,
          approveOnce: { gate: flags.gate },
          lockTimeoutMs: lockTimeoutMs(flags),
          input: flags.input,
        }),
      );
    });

  withDriveOptions(withStateOption(program.command('rollback').argument('[run]').summary('take everything back')))
    .option('--yes', 'do not ask', false)
    .action(async (named: string | undefined, flags: Flags & { yes: boolean }) => {
      const stateDir = stateDirOf(flags, env);
      const { refuseIfFinal } = await import('../../app/finalize.js');
      const { chooseRun, overviewOf } = await import('../../app/list-runs.js');
      const run = chooseRun(stateDir, named);
      refuseIfFinal(stateDir, run);
      const { progress } = overviewOf(stateDir, run);
      if (progress.direction !== 'back' && !flags.yes && !flags.autoApprove) {
        const answer = flags.input ? await askFor(`Type "yes" to take back run ${run}: `) : undefined;
        if (answer !== 'yes') {
          out.say(answer === undefined ? 'Nobody can be asked here: give --yes.' : 'Nothing was changed.');
          context.end(answer === undefined ? exitCodes.usage : exitCodes.ok);
          return;
        }
      }
      // A way back that was interrupted or has failed is resumed.
      const ask = progress.direction === 'back' ? 'resume' : 'rollback';
      context.end(
        await driveRun(out, env, { stateDir, run, ask, autoApprove: flags.autoApprove, withoutAcks: flags.withoutAcks, lockTimeoutMs: lockTimeoutMs(flags), input: flags.input }),
      );
    });

  withStateOption(program.command('force-unlock').argument('<id>').summary('take away the lock of a process that is gone for good')).action(
    async (id: string, flags: { stateDir?: string }) => {
      const { unlock } = await import('../../app/unlock.js');
      out.say(unlock(stateDirOf(flags, env), id));
      context.end(exitCodes.ok);
    },
  );

  withStateOption(program.command('pause').argument('[run]').summary('stop a run at the next safe point')).action(
    async (named: string | undefined, flags: { stateDir?: string }) => {
      const { askToPause } = await import('../../app/ask-to-pause.js');
      const { chooseRun } = await import('../../app/list-runs.js');
      const stateDir = stateDirOf(flags, env);
      const run = chooseRun(stateDir, named);
      out.say(askToPause(stateDir, run, operator(env)));
      context.end(exitCodes.ok);
    },
  );
}
