/** A rehearsal with faults: which cases there are, on which staging cluster each runs, and what came of all of them. */

import { fail } from '../../domain/errors.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { StagingProcess } from '../rehearse-process.js';
import { type CaseResult, drawCase, isUntouched } from './fault-case.js';
import { faultKind, type FaultKind, faultKinds } from './fault-kinds.js';
import { everyFootprint } from './footprint.js';
import { textOf } from './judge.js';
import { type Lane, openLane, runUndisturbed } from './lane.js';
import { runCase } from './run-case.js';
import { checkPlanned, type FaultWish } from './wish.js';

export interface RehearseFaults {
  readonly wish: FaultWish;
  readonly seed: string;
  readonly playbookFile: string;
  readonly speed: number;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Each call starts another staging cluster: one for each lane. */
  start(): Promise<StagingProcess>;
  /** Staging clusters at the same time. */
  readonly lanes: number;
  /** `lanes`: as many clusters as there is work for. */
  onPlan(plan: Plan, lanes: number): void;
  /** Of the undisturbed run of the first lane. */
  onUndisturbed(step: string, index: number): void;
  onCase(result: CaseResult): void;
}

export interface FaultTable {
  readonly plan: Plan;
  readonly steps: readonly string[];
  readonly faults: readonly string[];
  readonly results: readonly CaseResult[];
  readonly tookMs: number;
}

/** Throws usage for a step that is not in the plan, and what starting, planning and the undisturbed run throw. A case that goes wrong is a result. */
export async function rehearseFaults(options: RehearseFaults): Promise<FaultTable> {
  const startedAt = Date.now();
  const { wish, signal } = options;
  const kinds = wish.fault === undefined ? [...faultKinds] : [faultKind(wish.fault)];
  const waiting = [...kinds];
  const results: CaseResult[] = [];
  const open: Lane[] = [];
  const isSingle = wish.step !== undefined;
  const lanes = isSingle ? 1 : Math.min(options.lanes, waiting.length);

  async function work(number: number): Promise<Plan> {
    const staging = await options.start();
    const lane = await openLane({ ...options, staging });
    open.push(lane);
    const steps = lane.plan.steps.map(({ id }) => id);
    checkPlanned(wish, steps);
    if (number === 0) options.onPlan(lane.plan, lanes);
    const last = wish.step === undefined ? steps.length - 1 : steps.indexOf(wish.step);
    await runUndisturbed(lane, last, (step, index) => {
      throwIfInterrupted(signal);
      if (number === 0) options.onUndisturbed(step, index);
    });
    for (let kind = waiting.shift(); kind !== undefined; kind = waiting.shift()) await chain(lane, kind);
    return lane.plan;
  }

  /** The same fault in one step after the other: where a case has ended with its step done, the next one needs no snapshot. */
  async function chain(lane: Lane, kind: FaultKind): Promise<void> {
    for (const [index, step] of lane.plan.steps.entries()) {
      throwIfInterrupted(signal);
      if (wish.step !== undefined && wish.step !== step.id) continue;
      const footprint = lane.footprints[index] ?? everyFootprint(lane.plan);
      const drawn = drawCase({ kind, step, footprint, seed: options.seed, speed: options.speed, ...(wish.target === undefined ? {} : { target: wish.target }) });
      if (isUntouched(drawn)) {
        take({ fault: drawn.fault, step: drawn.step, place: '', outcome: 'untouched', reason: drawn.reason, tookMs: 0 });
        continue;
      }
      const trouble = lane.position === index ? undefined : await lane.restore(index).then(() => undefined, textOf);
      take(trouble === undefined ? await runCase(lane, drawn) : { fault: drawn.fault, step: drawn.step, place: drawn.place, outcome: 'wrong', reason: trouble, tookMs: 0 });
    }
  }

  function take(result: CaseResult): void {
    results.push(result);
    options.onCase(result);
  }

  try {
    // One after the other: the next cluster looks for free addresses when the one before has taken its own.
    const plans = await Promise.all(Array.from({ length: lanes }, async (_, number) => work(number)));
    const [plan] = plans;
    if (plan === undefined) throw new Error('there was no staging cluster');
    const steps = plan.steps.map(({ id }) => id);
    const order = (one: CaseResult): number => kinds.findIndex(({ name }) => name === one.fault) * steps.length + steps.indexOf(one.step);
    return { plan, steps, faults: kinds.map(({ name }) => name), results: results.sort((a, b) => order(a) - order(b)), tookMs: Date.now() - startedAt };
  } finally {
    await Promise.all(open.map((lane) => lane.close()));
  }
}

export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted)
    fail('interrupted', {
      target: 'rehearsal',
      summary: 'the rehearsal was interrupted',
      cause: 'the operator asked to stop',
      nextAction: 'Nothing is left of it. Start it again.',
    });
}
