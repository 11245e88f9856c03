/** A few drawn faults in one run: for every commit, where the whole table takes too long. */

import { drawOrder } from '../../domain/draw.js';
import type { Plan, PlannedStep } from '../../domain/plan/plan.js';
import { type CaseResult, drawCase, type FaultCase, isUntouched } from './fault-case.js';
import { faultKinds } from './fault-kinds.js';
import { everyFootprint } from './footprint.js';
import { describeEnd } from './judge.js';
import { type Lane, openLane } from './lane.js';
import { type RehearseFaults, throwIfInterrupted } from './rehearse-faults.js';
import { runCase } from './run-case.js';
import { driveStep, isDone, progressOf, type StepEnd } from './step-drive.js';

const count = 4;
/** No case begins later than this: a machine that is busy with much else gets fewer. */
const lastBeginMs = 150_000;
/** A machine that stands still for seconds holds the run as an API that is away would: an operator resumes it. */
const triesAtMost = 3;

export interface Sample {
  readonly results: readonly CaseResult[];
  /** By fault: how many steps were not drawn. */
  readonly notDrawn: Readonly<Record<string, number>>;
  /** Drawn, and left out for lack of time. */
  readonly notBegun: readonly FaultCase[];
}

/** So many drawn cases in one run from its beginning, each in a step of its own. No snapshots: what is not known of a step is taken to be possible. */
export async function sampleFaults(options: Omit<RehearseFaults, 'wish' | 'lanes' | 'onUndisturbed'>): Promise<Sample> {
  const lane = await openLane({ ...options, staging: await options.start() });
  try {
    options.onPlan(lane.plan, 1);
    await lane.save(0);
    const drawn = drawSample(lane.plan, options);
    const results: CaseResult[] = [];
    const startedAt = performance.now();
    const last = Math.max(...drawn.map((one) => indexOf(lane.plan, one.step)));
    for (const step of lane.plan.steps.slice(0, last + 1)) {
      throwIfInterrupted(options.signal);
      if (results.length > 0 && performance.now() - startedAt > lastBeginMs) break;
      const one = drawn.find((candidate) => candidate.step === step.id);
      if (one !== undefined) {
        const result = await runCase(lane, one);
        results.push(result);
        options.onCase(result);
        if (result.outcome === 'wrong') break;
        continue;
      }
      await undisturbed(lane, step);
    }
    const notDrawn = Object.fromEntries(faultKinds.map(({ name }) => [name, lane.plan.steps.length - results.filter(({ fault }) => fault === name).length]));
    const notBegun = drawn.filter(({ step }) => !results.some((result) => result.step === step));
    return { results, notDrawn, notBegun };
  } finally {
    await lane.close();
  }
}

async function undisturbed(lane: Lane, step: PlannedStep): Promise<void> {
  let end: StepEnd | undefined;
  for (let tries = 0; tries < triesAtMost; tries += 1) {
    const ask = progressOf(lane.folder()).submitted ? 'resume' : 'submit';
    end = await driveStep({ folder: lane.folder(), plan: lane.plan, env: lane.env, pace: lane.pace, step: step.id, ask, onFact: () => undefined });
    if (isDone(progressOf(lane.folder()), step.id, step.targets)) return;
  }
  throw new Error(`the run did not get through "${step.id}", which no fault was drawn for: ${end === undefined ? '' : describeEnd(end)}`);
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
