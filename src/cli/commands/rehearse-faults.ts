/** rotate-ca rehearse --faults: what is broken when, one line for each case, and the table of all of them. */

import { prepareFaults, type RehearseFaultsFlags } from '../../app/faults/prepare.js';
import { type FaultTable, rehearseFaults } from '../../app/faults/rehearse-faults.js';
import { sampleFaults } from '../../app/faults/sample-faults.js';
import type { CaseResult } from '../../app/faults/fault-case.js';
import { exitCodes } from '../../domain/errors.js';
import type { Context } from '../context.js';
import { table } from '../table.js';

/** Returns the exit code. Throws usage before anything is started. */
export async function rehearseWithFaults(flags: Omit<RehearseFaultsFlags, 'signal'>, { out, env }: Context, interrupts: { readonly signal: AbortSignal }): Promise<number> {
  const prepared = await prepareFaults({ ...flags, signal: interrupts.signal });
  out.say(`Seed ${prepared.seed}: --faults ${flags.faults} --seed ${prepared.seed} draws the same cases again.`);
  let cases = 0;
  const onCase = (result: CaseResult): void => {
    if (out.json) out.object('FaultCase', { ...result });
    if (result.outcome === 'untouched') return;
    cases += 1;
    out.say(`${String(cases).padStart(4)} ${lineOf(result, out.colours)}`);
  };
  if (prepared.wish.isSample === true) return sample(prepared, { out, env }, { ...interrupts, onCase });
  const found = await rehearseFaults({
    ...prepared,
    env,
    signal: interrupts.signal,
    onPlan: (plan, lanes) =>
      out.say(`Planned: ${plan.steps.length} steps. An undisturbed run first${lanes === 1 ? '' : `, on each of ${lanes} clusters`}, with a snapshot before each step.`),
    onUndisturbed: (step, index) => out.say(out.colours.dim(`  ${String(index + 1).padStart(2)} ${step}`)),
    onCase,
  });
  const failed = found.results.filter(({ outcome }) => outcome === 'wrong').length;
  const passed = found.results.length - failed;
  out.object('FaultTable', { seed: prepared.seed, steps: found.steps, faults: found.faults, results: found.results, passed, failed, tookMs: found.tookMs });
  out.result(tableText(found));
  out.result(`\n${found.results.length} cases in ${Math.round(found.tookMs / 1000)} s, seed ${prepared.seed}: ${countsOf(found.results)}`);
  out.result(`${passed} passed, ${failed} failed`);
  return failed === 0 ? exitCodes.ok : exitCodes.error;
}

/** A few cases in one run, and how many there would have been. */
async function sample(
  prepared: Awaited<ReturnType<typeof prepareFaults>>,
  { out, env }: Pick<Context, 'out' | 'env'>,
  given: { readonly signal: AbortSignal; onCase(result: CaseResult): void },
): Promise<number> {
  const { results, notDrawn, notBegun } = await sampleFaults({ ...prepared, ...given, env, onPlan: (plan) => out.say(`Planned: ${plan.steps.length} steps.`) });
  const failed = results.filter(({ outcome }) => outcome === 'wrong').length;
  out.object('FaultSample', { seed: prepared.seed, results, notDrawn, notBegun: notBegun.map(({ fault, step }) => `${fault}@${step}`), passed: results.length - failed, failed });
  out.result(
    `Not drawn, steps by fault: ${Object.entries(notDrawn)
      .map(([fault, steps]) => `${fault} ${steps}`)
      .join(', ')}`,
  );
  if (notBegun.length > 0) out.result(`Drawn, and left out for lack of time: ${notBegun.map(({ fault, step }) => `${fault}@${step}`).join(', ')}`);
  out.result('All of them: npm run test:faults, or rotate-ca rehearse --faults all');
  out.result(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? exitCodes.ok : exitCodes.error;
}

function lineOf(result: CaseResult, c: Context['out']['colours']): string {
  const { outcome, fault, step, place, reason, tookMs } = result;
  const word = outcome === 'wrong' ? c.red(outcome.padEnd(11)) : outcome === 'succeeded' ? outcome.padEnd(11) : c.green(outcome.padEnd(11));
  return `${word} ${fault.padEnd(27)} ${step.padEnd(32)} ${place.padEnd(8)} ${(tookMs / 1000).toFixed(1).padStart(5)} s${reason === '' ? '' : `  ${reason}`}`;
}

const letters = { succeeded: 's', recovered: 'r', halted: 'h', 'rolled-back': 'b', untouched: '.', wrong: 'X' } as const;

/** A row for each fault, a column for each step, then the reason of each outcome that is not plain. */
function tableText({ steps, faults, results }: FaultTable): string {
  const of = (fault: string, step: string): CaseResult | undefined => results.find((one) => one.fault === fault && one.step === step);
  const header = ['FAULT', ...steps.map((_, index) => String(index + 1))];
  const rows = faults.map((fault) => [fault, ...steps.map((step) => letters[of(fault, step)?.outcome ?? 'untouched'])]);
  const told = results.filter(({ outcome }) => outcome !== 'succeeded' && outcome !== 'untouched');
  const untouched = [...new Map(results.filter(({ outcome }) => outcome === 'untouched').map((one) => [`${one.fault}: ${one.reason}`, one])).keys()];
  return [
    '',
    table(header, rows),
    '',
    `s succeeded, the fault did not touch it   r recovered by trying again   h halted, and resumed to the end of the step`,
    `b taken back, all as before               . cannot reach the step       X wrong`,
    '',
    ...steps.map((step, index) => `${String(index + 1).padStart(3)} ${step}`),
    '',
    ...(told.length === 0
      ? []
      : [
          table(
            ['FAULT', 'STEP', 'AT', 'OUTCOME', 'REASON'],
            told.map(({ fault, step, place, outcome, reason }) => [fault, step, place, outcome, reason]),
          ),
        ]),
    ...(untouched.length === 0 ? [] : ['', 'Cannot reach a step (.):', ...untouched.map((line) => `  ${line}`)]),
  ].join('\n');
}

function countsOf(results: readonly CaseResult[]): string {
  return (Object.keys(letters) as (keyof typeof letters)[])
    .map((outcome) => ({ outcome, count: results.filter((one) => one.outcome === outcome).length }))
    .filter(({ count }) => count > 0)
    .map(({ outcome, count }) => `${count} ${outcome}`)
    .join(', ');
}
