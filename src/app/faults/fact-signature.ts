/** A fact of a step by a name that is the same in each run. */

import type { PlannedStep } from '../../domain/plan/plan.js';
import type { Fact } from '../../domain/run/facts.js';

/** undefined for facts of the run as a whole, and for notes. */
export function signatureOf(fact: Fact): string | undefined {
  if (fact.type === 'step.marked') return `${fact.step} ${fact.mark} on ${fact.target}`;
  if (fact.type === 'phase.ended') return `${fact.step} ${fact.phase} ended`;
  return undefined;
}

/** Those of a step that goes well, but for its last: behind that the step is over. */
export function signaturesOf({ id, targets }: Pick<PlannedStep, 'id' | 'targets'>): string[] {
  const marks = (['checkpointed', 'applying', 'applied', 'verified'] as const).flatMap((mark) => targets.map((target) => `${id} ${mark} on ${target}`));
  return [...marks, ...['preflight', 'checkpoint', 'apply'].map((phase) => `${id} ${phase} ended`)];
}
