/** rotate-ca plan: scan, plan, print, save. Nothing is changed. */

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { exitCodes, fail } from '../../domain/errors.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { Context } from '../context.js';
import { playbookFile } from '../playbook-file.js';
import { planText } from './plan-text.js';
import { type SettingFlags, settingsOf, withSettingOptions } from './shared-options.js';

export interface PlanFlags extends SettingFlags {
  readonly playbook: string;
  readonly name?: string;
  readonly acceptBreak?: readonly string[];
}

export function addPlanCommand(program: Command, context: Context): void {
  withPlanOptions(program.command('plan').summary('say what would be done, and save it'))
    .description('Scans the cluster over SSH and the API and makes a plan of a playbook for it. Nothing is changed.')
    .option('--out <file>', 'save the plan: "rotate-ca run FILE" does exactly that')
    .option('--detailed-exitcode', 'end with 2 if there is something to do', false)
    .option('--check-docs', 'beside each step that of the page "Manual Rotation of CA Certificates", and what the page leaves out', false)
    .option('--all-edges', 'each edge that a step touches on a line of its own', false)
    .action(async (flags: PlanFlags & { out?: string; detailedExitcode: boolean; checkDocs: boolean; allEdges: boolean }) => {
      const { out } = context;
      const plan = await makePlan(flags, context);
      if (flags.out !== undefined) savePlan(flags.out, plan);
      const { proveAgain } = await import('../../app/prove.js');
      const { proof } = proveAgain(plan);
      out.object('Plan', { ...plan, proof });
      out.result(planText(plan, proof, out, flags));
      if (flags.out !== undefined) out.say(`Saved. Next: rotate-ca run ${flags.out}`);
      context.end(flags.detailedExitcode && plan.steps.length > 0 ? exitCodes.changes : exitCodes.ok);
    });
}

export function withPlanOptions(command: Command): Command {
  return withSettingOptions(command)
    .option('-p, --playbook <file>', 'a playbook file, or the name of one that comes with rotate-ca', 'cluster-ca')
    .option('--name <name>', 'name of the run (default: date and time)')
    .option(
      '--accept-break <edge>',
      'an edge of the trust graph that may break, as the refusal names it, or the beginning of several and a star; may be given again',
      (edge: string, before: readonly string[] = []) => [...before, edge],
    );
}

export async function makePlan(flags: PlanFlags, { env, signal }: Context): Promise<Plan> {
  const { planFor } = await import('../../app/make-plan.js');
  const now = Date.now();
  return planFor({
    playbookFile: playbookFile(flags.playbook),
    settings: settingsOf(flags, env),
    env,
    name: runName(flags.name, now),
    now,
    signal,
    accepted: flags.acceptBreak ?? [],
  });
}

/** Run names go into file names, a subject's serial number and object names: small letters, digits, hyphens. */
function runName(given: string | undefined, now: number): string {
  const name = given ?? new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  if (/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return name;
  return fail('usage', { target: '--name', summary: `"${name}" cannot be the name of a run`, nextAction: 'Use at most 40 small letters, digits and hyphens.' });
}

function savePlan(file: string, plan: Plan): void {
  try {
    writeFileSync(resolve(file), `${JSON.stringify(plan, null, 1)}\n`, { mode: 0o600 });
  } catch (error) {
    fail('usage', {
      target: file,
      summary: 'the plan cannot be written there',
      cause: error instanceof Error ? error.message : String(error),
      nextAction: 'Give --out a file in a folder that exists.',
    });
  }
}
