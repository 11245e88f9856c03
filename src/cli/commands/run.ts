/** rotate-ca run: execute a saved plan, or plan, show, ask and execute. */

import { existsSync, readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { exitCodes, fail } from '../../domain/errors.js';
import { readDuration } from '../../domain/plan/duration.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { Context } from '../context.js';
import { playbookFile, playbookOfPlan } from '../playbook-file.js';
import { askFor } from '../question.js';
import { driveRun } from './drive-run.js';
import { makePlan, type PlanFlags, withPlanOptions } from './plan.js';
import { listen, usualSpeed } from './rehearse.js';
import { planText } from './plan-text.js';
import { stateDirOf } from '../../app/settings.js';

export interface DriveFlags {
  readonly autoApprove: boolean;
  readonly input: boolean;
  readonly lockTimeout: string;
  readonly withoutAcks: boolean;
}

export function withDriveOptions(command: Command): Command {
  return command
    .option('--auto-approve', 'approve gates as they come (never the destruction of a key)', false)
    .option('--without-acks', 'narrow trust though holders that would fail have not been acknowledged ("rotate-ca handoff")', false)
    .option('--no-input', 'ask nothing: stop where an answer is needed')
    .addOption(new Option('--lock-timeout <duration>', 'how long to wait for another process to let go of the cluster').default('0s'));
}

export function lockTimeoutMs(flags: Pick<DriveFlags, 'lockTimeout'>): number {
  const read = readDuration(flags.lockTimeout);
  if ('ms' in read) return read.ms;
  return fail('usage', { target: '--lock-timeout', summary: read.wrong, nextAction: 'Write "30s" or "5m".' });
}

export function addRunCommand(program: Command, context: Context): void {
  withDriveOptions(withPlanOptions(program.command('run').argument('[plan]', 'a saved plan: exactly that is done').summary('rotate')))
    .description('Executes a saved plan without a question before its first gate. Without a plan: makes one, shows it, asks.')
    .option('--dry-run', 'do it on a staging cluster like that of the saved plan, and leave yours alone (rehearse --from)', false)
    .action(async (file: string | undefined, flags: PlanFlags & DriveFlags & { dryRun: boolean }) => {
      const { out, env } = context;
      if (flags.dryRun) {
        context.end(await dryRun(file, context));
        return;
      }
      const lockMs = lockTimeoutMs(flags);
      const plan = file === undefined ? await makePlan(flags, context) : await savedPlan(file);
      const stateDir = flags.stateDir === undefined && env.ROTATE_CA_STATE_DIR === undefined ? plan.settings.stateDir : stateDirOf(flags, env);
      if (file === undefined && !flags.autoApprove) {
        const { proveAgain } = await import('../../app/prove.js');
        out.say(planText(plan, proveAgain(plan).proof, out));
        const answer = flags.input ? await askFor('Type "yes" to begin: ') : undefined;
        if (answer !== 'yes') {
          out.say(answer === undefined ? 'Nobody can be asked here. Save a plan with "rotate-ca plan --out FILE", read it, then "rotate-ca run FILE".' : 'Nothing was changed.');
          context.end(answer === undefined ? exitCodes.usage : exitCodes.ok);
          return;
        }
      }
      const { createRunFolder } = await import('../../app/run-folder.js');
      createRunFolder(stateDir, plan.name, plan);
      out.say(`Run ${plan.name}. If it is interrupted: rotate-ca resume ${plan.name}`);
      context.end(
        await driveRun(out, env, {
          stateDir,
          run: plan.name,
          ask: 'submit',
          autoApprove: flags.autoApprove,
          withoutAcks: flags.withoutAcks,
          lockTimeoutMs: lockMs,
          input: flags.input,
        }),
      );
    });
}

/** The same as "rehearse --from": a plan is of one cluster, and what it would do is shown on one like it. */
async function dryRun(file: string | undefined, context: Context): Promise<number> {
  if (file === undefined)
    return fail('usage', {
      target: '--dry-run',
      summary: 'a dry run is one of a saved plan',
      nextAction: 'Make one with "rotate-ca plan --out FILE", then "rotate-ca run FILE --dry-run".',
    });
  const plan = await savedPlan(file);
  const interrupts = listen();
  try {
    const { rehearseWhole } = await import('./rehearse-whole.js');
    const common = { topology: '', speed: usualSpeed, keep: false, from: file };
    return await rehearseWhole({ ...common, playbookFile: playbookOfPlan(file) ?? playbookFile(plan.playbook.file) }, context, interrupts);
  } finally {
    interrupts.stop();
  }
}

async function savedPlan(file: string): Promise<Plan> {
  if (!existsSync(file)) return fail('usage', { target: file, summary: 'there is no such plan', nextAction: 'Make one with "rotate-ca plan --out FILE".' });
  const { readPlan } = await import('../../domain/plan/digest.js');
  return readPlan(readFileSync(file, 'utf8'), file);
}
