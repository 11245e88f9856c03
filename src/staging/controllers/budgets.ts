/** Disruption controller: how many pods of a PodDisruptionBudget may go now (k/k pkg/controller/disruption/disruption.go). */

import type { StoredObject } from '../api/store.js';
import { type ControllerWorld, ownerOf } from './controller-world.js';
import { keyOf, partsOf } from './object-cache.js';
import { writeStatus } from './status-writing.js';
import { isActive, isReady, scaled, type Selector, selects, timeText } from './workload-objects.js';

export interface BudgetSpec {
  readonly selector?: Selector;
  readonly maxUnavailable?: number | string;
  readonly minAvailable?: number | string;
}

/** `expected`: replicas of the controllers of the pods; with a plain number as minAvailable, the pods themselves. */
export function budgetOf(
  spec: BudgetSpec,
  pods: { readonly expected: number; readonly counted: number; readonly healthy: number },
): {
  readonly expectedPods: number;
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly disruptionsAllowed: number;
} {
  const { healthy } = pods;
  const isPlain = spec.maxUnavailable === undefined && typeof spec.minAvailable === 'number';
  const expectedPods = isPlain ? pods.counted : pods.expected;
  const desiredHealthy =
    spec.maxUnavailable !== undefined ? Math.max(0, expectedPods - scaled(spec.maxUnavailable, expectedPods, 'up', 0)) : scaled(spec.minAvailable, expectedPods, 'up', 1);
  // Nothing expected, or fewer healthy than desired: none.
  const disruptionsAllowed = expectedPods <= 0 || healthy <= desiredHealthy ? 0 : healthy - desiredHealthy;
  return { expectedPods, currentHealthy: healthy, desiredHealthy, disruptionsAllowed };
}

export function countBudgets(world: ControllerWorld): void {
  const budgets = world.cache('PodDisruptionBudget');
  const pods = world.cache('Pod');
  const queue = world.queue('disruption', async (key) => {
    const { namespace, name } = partsOf(key);
    const budget = budgets.get(namespace, name);
    if (budget === undefined || !pods.isSynced) return false;
    const spec = (budget.spec ?? {}) as BudgetSpec;
    const matched = pods.list(namespace).filter((pod) => selects(spec.selector, pod.metadata.labels));
    const active = matched.filter(isActive);
    const counts = budgetOf(spec, { expected: expectedOf(world, matched), counted: active.length, healthy: active.filter(isReady).length });
    const was = (budget.status ?? {}) as { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[] };
    const isAllowed = counts.disruptionsAllowed > 0 ? 'True' : 'False';
    const known = was.conditions?.find((one) => one.type === 'DisruptionAllowed' && one.status === isAllowed);
    const condition = {
      type: 'DisruptionAllowed',
      status: isAllowed,
      reason: isAllowed === 'True' ? 'SufficientPods' : 'InsufficientPods',
      message: '',
      observedGeneration: budget.metadata.generation ?? 1,
      lastTransitionTime: known?.lastTransitionTime ?? timeText(world.now()),
    };
    return writeStatus(world, budget, { ...counts, observedGeneration: budget.metadata.generation ?? 1, conditions: [condition] });
  });
  const add = (budget: StoredObject): void => queue.add(keyOf(budget.metadata.namespace, budget.metadata.name));
  budgets.onChange((type, budget) => {
    if (type !== 'DELETED') add(budget);
  });
  pods.onChange((_, pod) => {
    for (const budget of budgets.list(pod.metadata.namespace)) if (selects((budget.spec as BudgetSpec).selector, pod.metadata.labels)) add(budget);
  });
  pods.onSynced(() => budgets.onSynced(() => budgets.list().forEach(add)));
}

function expectedOf(world: ControllerWorld, pods: readonly StoredObject[]): number {
  const owners = new Map<string, number>();
  for (const pod of pods) {
    const owner = ownerOf(pod);
    if (owner === undefined || owners.has(owner.uid)) continue;
    let controller = world.cache(owner.kind).get(pod.metadata.namespace, owner.name);
    const above = controller === undefined ? undefined : ownerOf(controller);
    if (above?.kind === 'Deployment') {
      // Two sets of one Deployment in a rollout are expected once.
      controller = world.cache('Deployment').get(pod.metadata.namespace, above.name);
      if (controller !== undefined) owners.set(controller.metadata.uid, replicasOf(controller));
      continue;
    }
    owners.set(owner.uid, controller === undefined ? 0 : replicasOf(controller));
  }
  return [...owners.values()].reduce((sum, count) => sum + count, 0);
}

function replicasOf(controller: StoredObject): number {
  return (controller.spec as { readonly replicas?: number } | undefined)?.replicas ?? 1;
}
