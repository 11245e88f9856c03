/** Drives a run through one step and stops before the next, as an operator would with resume, approve and pause. */

import type { Failure } from '../../domain/errors.js';
import { failuresOf } from '../../domain/errors.js';
import { type Plan, stepOf } from '../../domain/plan/plan.js';
import type { Fact } from '../../domain/run/facts.js';
import { advance, markOf, type Progress, untouched } from '../../domain/run/progress.js';
import { drive, type Driven, type DriveOptions } from '../drive.js';
import type { RunFolder } from '../run-folder.js';

export interface StepDrive {
  readonly folder: RunFolder;
  readonly plan: Plan;
  readonly env: NodeJS.ProcessEnv;
  readonly pace: number;
  /** Behind which it stops; empty: it goes on to the next decision. */
  readonly step: string;
  readonly ask: DriveOptions['ask'];
  onFact(fact: Fact): void;
}

/** How it ended: with a state of the run, with the failures that did not even let it begin, or with a defect. */
export type StepEnd = { readonly view: Driven['view'] } | { readonly failures: readonly Failure[] } | { readonly defect: unknown };

export async function driveStep(options: StepDrive): Promise<StepEnd> {
  const { folder, plan, step } = options;
  const targets = stepOf(plan, step)?.targets ?? [];
  let progress = progressOf(folder);
  let pause = (): void => undefined;
  let hasApproved = false;
  // Behind the last proof and before the next step: a pause that is asked sooner would stop within the step.
  const pauseWhenDone = (): void => {
    if (step !== '' && isDone(progress, step, targets)) queueMicrotask(() => pause());
  };
  try {
    const { view } = await drive({
      folder,
      env: options.env,
      by: 'rehearsal',
      ask: options.ask,
      autoApprove: false,
      async askGate() {
        // The gate before the step itself; the next one is where it ends.
        const isOwn = !hasApproved && (step === '' || !isDone(progress, step, targets));
        hasApproved = true;
        return isOwn;
      },
      onLine({ fact }) {
        progress = advance(progress, fact);
        options.onFact(fact);
        if (fact.type === 'step.marked' && fact.mark === 'verified' && fact.step === step) pauseWhenDone();
      },
      lockTimeoutMs: 0,
      pace: options.pace,
      interrupts: {
        onPause(listener) {
          pause = listener;
          pauseWhenDone();
        },
        onLeave: () => undefined,
      },
    });
    return { view };
  } catch (error) {
    const failures = failuresOf(error);
    return failures === undefined ? { defect: error } : { failures };
  }
}

/** What the journal adds up to. Throws journal-broken. */
export function progressOf(folder: RunFolder): Progress {
  return factsOf(folder).reduce(advance, untouched);
}

/** Throws journal-broken. */
export function factsOf(folder: RunFolder): Fact[] {
  const { journal } = folder.openJournal();
  try {
    return journal.lines().map(({ fact }) => fact);
  } finally {
    journal.close();
  }
}

export function isDone(progress: Progress, step: string, targets: readonly string[]): boolean {
  return targets.every((target) => markOf(progress, step, target) === 'verified');
}
