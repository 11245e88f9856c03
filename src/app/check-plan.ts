/** Is the cluster still the one that was planned on? Asked once, before the first step: a saved plan is executed exactly, or not at all. */

import type { Inventory } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import type { Plan } from '../domain/plan/plan.js';
import { differences } from '../scan/differences.js';

/** Throws plan-other-cluster, plan-stale. What renews itself (kubelets' leaves under the same CA, resourceVersions, times) is no difference. */
export function checkPlan(plan: Plan, now: Inventory): void {
  const planned = plan.inventory.cluster;
  if (now.cluster.uid !== planned.uid) {
    fail('plan-other-cluster', {
      target: now.cluster.server,
      summary: 'the plan was made for another cluster',
      cause: `planned on uid ${planned.uid} (${planned.server}); this one has uid ${now.cluster.uid}`,
      nextAction: 'Give the kubeconfig and context of the cluster that was planned on, or make a plan for this one.',
    });
  }
  const found = differences(plan.inventory, now);
  if (found.length > 0) {
    fail('plan-stale', {
      target: plan.name,
      summary: 'the saved plan is stale: the cluster has changed since it was made',
      cause: found.map((d) => `${d.target}: ${d.text}`).join('\n'),
      nextAction: 'Read the differences, then make a new plan with "rotate-ca plan".',
    });
  }
}
