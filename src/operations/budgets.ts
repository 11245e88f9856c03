/** PodDisruptionBudgets that a roll would wait for in vain. */

import { failure, type Failure } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import { limitsOf } from './waiting.js';

/** Budgets with pods that allow no disruption now; those named (namespace/name) are left out. */
export async function closedBudgets(site: Site, tolerated: readonly string[]): Promise<Failure[]> {
  const budgets = await site.access.kube().list({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' }, limitsOf(site, 15_000));
  return budgets.flatMap(({ metadata, status }): Failure[] => {
    const { disruptionsAllowed = 0, expectedPods = 0, currentHealthy = 0, desiredHealthy = 0 } = (status ?? {}) as Record<string, number>;
    const name = `${metadata.namespace ?? ''}/${metadata.name}`;
    if (disruptionsAllowed > 0 || expectedPods === 0 || tolerated.includes(name)) return [];
    return [
      failure('disruption-blocked', {
        target: `PodDisruptionBudget ${name}`,
        summary: 'it allows no disruption',
        cause: `${currentHealthy} of ${expectedPods} pods are healthy, and ${desiredHealthy} must be`,
        nextAction: 'Raise maxUnavailable or the replicas for the time of the run, or name it under tolerateBudgets of the step.',
      }),
    ];
  });
}
