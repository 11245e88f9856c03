/** What a run needs to know of a plan to find its way: steps in order, their targets, gates and points of no return. */

import type { Gate, Plan } from '../plan/plan.js';

export interface CourseStep {
  readonly id: string;
  readonly targets: readonly string[];
  readonly gate?: Gate;
  readonly pointOfNoReturn: boolean;
}

export interface Course {
  /** Digest of the plan. */
  readonly digest: string;
  readonly steps: readonly CourseStep[];
}

/** The course of a plan; `isPointOfNoReturn` answers for a kind of step by its name. */
export function courseOf(plan: Pick<Plan, 'digest' | 'steps'>, isPointOfNoReturn: (kind: string) => boolean): Course {
  return {
    digest: plan.digest,
    steps: plan.steps.map((step) => ({
      id: step.id,
      targets: step.targets,
      pointOfNoReturn: isPointOfNoReturn(step.kind),
      ...(step.gate === undefined ? {} : { gate: step.gate }),
    })),
  };
}
