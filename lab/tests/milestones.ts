/** Moments of a run at which the owners of clients outside of the cluster do their part, told by its facts. */

import type { Plan } from '../../src/domain/plan/plan.js';
import type { Fact } from '../../src/domain/run/facts.js';
import type { Running } from './program.js';

export interface Milestone {
  /** Ids of the steps of which this one begins, or (`verified`) all must be proved. */
  readonly when: 'begins' | 'verified';
  readonly step: (id: string) => boolean;
  readonly act: () => Promise<void>;
}

/** Runs each action once, as soon as its moment has come. `settled` throws what an action threw, or that its moment never came. */
export function atMilestones(running: Running, plan: Pick<Plan, 'steps'>, milestones: Readonly<Record<string, Milestone>>): { settled(): Promise<void> } {
  const waiting = new Map(Object.entries(milestones));
  const verified = new Set<string>();
  const acts: Promise<void>[] = [];
  running.onFact(({ fact }) => {
    if (fact.type !== 'step.marked') return;
    if (fact.mark === 'verified') verified.add(`${fact.step} ${fact.target}`);
    for (const [name, milestone] of waiting) {
      if (!hasCome(milestone, fact, plan, verified)) continue;
      waiting.delete(name);
      acts.push(milestone.act().catch((error: unknown) => Promise.reject(new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }))));
      acts.at(-1)?.catch(() => undefined);
    }
  });
  return {
    async settled() {
      await Promise.all(acts);
      if (waiting.size > 0) throw new Error(`the run never came to: ${[...waiting.keys()].join(', ')}`);
    },
  };
}

function hasCome(milestone: Milestone, fact: Extract<Fact, { type: 'step.marked' }>, plan: Pick<Plan, 'steps'>, verified: ReadonlySet<string>): boolean {
  if (!milestone.step(fact.step)) return false;
  if (milestone.when === 'begins') return true;
  return plan.steps.filter(({ id }) => milestone.step(id)).every(({ id, targets }) => targets.every((target) => verified.has(`${id} ${target}`)));
}

/** A step of the playbook, with all its batches: `reissue-kubelets/2` is of `reissue-kubelets`. */
export function stepNamed(name: string): (id: string) => boolean {
  return (id) => id === name || id.startsWith(`${name}/`);
}

/** The last step before a gate: its proof ends what the gate closes. */
export function lastStepBefore(plan: Pick<Plan, 'steps'>, gate: string): (id: string) => boolean {
  const at = plan.steps.findIndex((step) => step.gate?.name === gate);
  const before = plan.steps[at - 1];
  if (before === undefined) throw new Error(`the plan has no gate ${gate}, or nothing before it`);
  return (id) => id === before.id;
}
