/** A few drawn faults in one run: for every commit, where the whole table takes too long. */

import { drawOrder } from '../../domain/draw.js';
import type { Plan } from '../../domain/plan/plan.js';
import { type CaseResult, drawCase, type FaultCase, isUntouched } from './fault-case.js';
import { faultKinds } from './fault-kinds.js';
import { everyFootprint } from './footprint.js';
import { describeEnd } from './judge.js';
import { openLane } from './lane.js';
import { type RehearseFaults, throwIfInterrupted } from './rehearse-faults.js';
import { runCase } from './run-case.js';
import { driveStep, isDone, progressOf } from './step-drive.js';

const count = 4;

export interface Sample {
  readonly results: readonly CaseResult[];
  /** By fault: how many steps were not drawn. */
  readonly notDrawn: Readonly<Record<string, number>>;
}

/** So many drawn cases in one run from its beginning, each in a step of its own. No snapshots: what is not known of a step is taken to be possible. */
export async function sampleFaults(options: Omit<RehearseFaults, 'wish' | 'lanes' | 'onUndisturbed'>): Promise<Sample> {
  const lane = await openLane({ ...options, staging: await options.start() });
  try {
    options.onPlan(lane.plan, 1);
    await lane.save(0);
    const drawn = drawSample(lane.plan, options);
    const results: CaseResult[] = [];
    const last = Math.max(...drawn.map((one) => indexOf(lane.plan, one.step)));
    for (const [index, step] of lane.plan.steps.slice(0, last + 1).entries()) {
      throwIfInterrupted(options.signal);
      const one = drawn.find((candidate) => candidate.step === step.id);
      if (one !== undefined) {
        const result = await runCase(lane, one);
        results.push(result);
        options.onCase(result);
        if (result.outcome === 'wrong') break;
        continue;
      }
      const end = await driveStep({
        folder: lane.folder(),
        plan: lane.plan,
        env: lane.env,
        pace: lane.pace,
        step: step.id,
        ask: index === 0 ? 'submit' : 'resume',
        onFact: () => undefined,
      });
      if (!isDone(progressOf(lane.folder()), step.id, step.targets)) throw new Error(`the run did not get through "${step.id}", which no fault was drawn for: ${describeEnd(end)}`);
    }
    const notDrawn = Object.fromEntries(faultKinds.map(({ name }) => [name, lane.plan.steps.length - drawn.filter(({ fault }) => fault === name).length]));
    return { results, notDrawn };
  } finally {
    await lane.close();
  }
}

/** Each in a step of its own, each of another fault. The way back is left to the whole table: behind it there is no run to go on with. */
export function drawSample(plan: Plan, { seed, speed }: { readonly seed: string; readonly speed: number }): FaultCase[] {
  const steps = drawOrder(`${seed} steps`, plan.steps, ({ id }) => id).slice(0, count);
  const kinds = drawOrder(`${seed} faults`, faultKinds, ({ name }) => name);
  const footprint = everyFootprint(plan);
  return steps.flatMap((step) => {
    while (kinds.length > 0) {
      const kind = kinds.shift();
      const drawn = kind === undefined ? undefined : drawCase({ kind, step, footprint, seed, speed });
      if (drawn !== undefined && !isUntouched(drawn)) return [{ ...drawn, goesBack: false }];
    }
    return [];
  });
}

function indexOf(plan: Plan, step: string): number {
  return plan.steps.findIndex(({ id }) => id === step);
}
