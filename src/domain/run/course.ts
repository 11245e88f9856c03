/** What a run needs to know of a plan to find its way: steps in order, their targets, gates and points of no return. */

import type { Gate, Plan, PlannedStep } from '../plan/plan.js';
import type { Direction } from './facts.js';

export interface CourseStep {
  readonly id: string;
  readonly targets: readonly string[];
  readonly gate?: Gate;
  readonly pointOfNoReturn: boolean;
  /** On which way the API may be away meanwhile, on purpose. */
  readonly withoutApi?: readonly Direction[];
}

export interface Course {
  /** Digest of the plan. */
  readonly digest: string;
  readonly steps: readonly CourseStep[];
}

/** What a run asks of the kind of a step. */
export type NatureOf = (step: Pick<PlannedStep, 'kind' | 'params'>) => Pick<CourseStep, 'pointOfNoReturn' | 'withoutApi'>;

/** The course of a plan. */
export function courseOf(plan: Pick<Plan, 'digest' | 'steps'>, natureOf: NatureOf): Course {
  return {
    digest: plan.digest,
    steps: plan.steps.map((step) => ({
      id: step.id,
      targets: step.targets,
      ...natureOf(step),
      ...(step.gate === undefined ? {} : { gate: step.gate }),
    })),
  };
}
