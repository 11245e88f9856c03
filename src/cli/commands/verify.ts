/** rotate-ca verify, finalize. */

import { type Command, Option } from 'commander';
import { stateDirOf } from '../../app/settings.js';
import { exitCodes, fail } from '../../domain/errors.js';
import { readDuration } from '../../domain/plan/duration.js';
import type { Context } from '../context.js';
import { askFor } from '../question.js';
import { operator, withStateOption } from './shared-options.js';

export function addVerifyCommands(program: Command, context: Context): void {
  const { out, env } = context;

  withStateOption(program.command('verify').argument('[run]').summary('ask again whether what a run has proved still holds')).action(
    async (named: string | undefined, flags: { stateDir?: string }) => {
      const stateDir = stateDirOf(flags, env);
      const { chooseRun } = await import('../../app/list-runs.js');
      const { verifyRun } = await import('../../app/verify-run.js');
      const run = chooseRun(stateDir, named);
      const bad = await verifyRun({
        stateDir,
        run,
        env,
        signal: context.signal,
        onResult({ step, target, failures }) {
          out.object('Verified', { step, target, failures });
          out.result(`${failures.length === 0 ? out.colours.green('holds ') : out.colours.red('broken')}  ${step}  ${target}`);
          if (failures.length > 0 && !out.json) out.failures(failures);
        },
      });
      context.end(bad === 0 ? exitCodes.ok : exitCodes.error);
    },
  );

  withStateOption(program.command('finalize').argument('[run]').summary('destroy the outgoing key; there is no way back afterwards'))
    .addOption(new Option('--soak <duration>', 'how long the run must have soaked').default('24h'))
    .action(async (named: string | undefined, flags: { stateDir?: string; soak: string }) => {
      const { destroyOutgoing, prepareFinalization } = await import('../../app/finalize.js');
      const { chooseRun } = await import('../../app/list-runs.js');
      const stateDir = stateDirOf(flags, env);
      const run = chooseRun(stateDir, named);
      const soak = readDuration(flags.soak);
      if (!('ms' in soak)) return fail('usage', { target: '--soak', summary: soak.wrong, nextAction: 'Write "24h".' });
      const finalization = prepareFinalization({ stateDir, run, soakMs: soak.ms, now: Date.now() });
      out.say(out.colours.bold(`These copies of the outgoing key and of what it protected are deleted (${finalization.copies.length}):`));
      if (finalization.atIssuer !== undefined) out.say(`  - issuer ${finalization.atIssuer.issuerId} and its key at the issuer (made by run ${finalization.atIssuer.madeBy})`);
      for (const copy of finalization.copies) out.say(`  - ${copy}`);
      out.say(out.colours.bold('Out of reach:'));
      for (const place of finalization.outOfReach) out.say(`  ! ${place}`);
      const answer = await askFor(`There is no way back afterwards. Type the name of the run (${run}) to destroy them: `);
      if (answer !== run) {
        out.say(answer === undefined ? 'This must be confirmed at a terminal.' : 'Nothing was destroyed.');
        context.end(answer === undefined ? exitCodes.usage : exitCodes.ok);
        return;
      }
      await destroyOutgoing(stateDir, finalization, { by: operator(env), env });
      out.object('Finalized', { ...finalization });
      out.result(`Destroyed ${finalization.copies.length} files. The journal of run ${run} says so.`);
      context.end(exitCodes.ok);
    });
}
