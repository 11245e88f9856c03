/** The proof of a plan on the graph of its inventory. Pure. */

import type { z } from 'zod';
import type { Inventory } from '../cluster/inventory.js';
import { buildGraph } from '../trust/build-graph.js';
import type { Change, ChangeContext, TargetChanges } from '../trust/changes.js';
import type { TrustEffect } from '../trust/effects.js';
import type { EdgeId, PlanProof, TrustGraph } from '../trust/graph.js';
import { provePlan, type ProvedStep } from '../trust/prove-plan.js';
import type { Plan, PlannedStep } from './plan.js';

/** What the proof asks of a kind; each StepKind is one. */
export interface ProvedKind {
  readonly params: z.ZodType;
  effects(params: unknown): readonly TrustEffect[];
  changes?(params: unknown, on: ChangeContext): readonly Change[];
  brought?(params: unknown): Readonly<Record<string, string>>;
}

export interface PlanProofParts {
  readonly plan: Pick<Plan, 'steps' | 'inventory'>;
  readonly kinds: ReadonlyMap<string, ProvedKind>;
  /** Unix time in ms by which certificates are judged. */
  readonly atMs: number;
  readonly accepted?: readonly EdgeId[];
  /** Certificates that the operator brings, by fingerprint: PEM. */
  readonly brought?: Readonly<Record<string, string>>;
}

export function proofOfPlan({ plan, kinds, ...rest }: PlanProofParts): { readonly graph: TrustGraph; readonly proof: PlanProof } {
  const graph = buildGraph(plan.inventory);
  const steps = plan.steps.map((step) => provedStep(step, kinds, graph, plan.inventory));
  return { graph, proof: provePlan({ graph, inventory: plan.inventory, steps, ...rest, brought: { ...broughtBy(plan.steps, kinds), ...rest.brought } }) };
}

/** Certificates that steps of the plan bring with them. */
function broughtBy(steps: readonly PlannedStep[], kinds: PlanProofParts['kinds']): Record<string, string> {
  return Object.assign(
    {},
    ...steps.map(({ kind: name, params }) => {
      const kind = kinds.get(name);
      return kind?.brought?.(kind.params.parse(params)) ?? {};
    }),
  ) as Record<string, string>;
}

function provedStep(step: PlannedStep, kinds: PlanProofParts['kinds'], graph: TrustGraph, inventory: Inventory): ProvedStep {
  const kind = kinds.get(step.kind);
  if (kind === undefined) return { id: step.id, targets: [] };
  const params = kind.params.parse(step.params);
  const targets = step.targets.map((target): TargetChanges => ({ target, changes: kind.changes?.(params, { inventory, graph, target }) ?? [] }));
  const mark = kind.effects(params).find((effect) => effect.type === 'cutover');
  return { id: step.id, targets, ...(mark?.type === 'cutover' ? { cutover: mark.edge } : {}) };
}
