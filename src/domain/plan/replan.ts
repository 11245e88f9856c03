/** The rest of a plan made anew for a cluster that has changed in the middle of a run. Pure. */

import type { Inventory, NodeRecord } from '../cluster/inventory.js';
import { digestOf } from './digest.js';
import type { Plan, PlannedStep } from './plan.js';

/**
 * Nodes that joined become targets of every step on nodes (the last batch of each), also of those that the others have behind
 * them: they are taken through what they missed. Nodes that left are targets no more. Of the nodes that stayed, what was recorded
 * before the run is kept, because it says what is put back and which SANs must not be lost. New objects are added.
 */
export function replan(plan: Plan, now: Inventory, kinds: ReadonlyMap<string, { readonly targets: 'control-planes' | 'nodes' | 'cluster' }>): Plan {
  const before = plan.inventory;
  const stays = (name: string): boolean => now.nodes.some((n) => n.name === name);
  const joined = now.nodes.filter((n) => !before.nodes.some((m) => m.name === n.name));
  const inventory: Inventory = {
    ...before,
    nodes: [...before.nodes.filter((n) => stays(n.name)), ...joined],
    objects: [...before.objects, ...now.objects.filter((o) => !before.objects.some((b) => sameField(b, o)))],
  };
  const { digest: _, ...rest } = plan;
  const steps = plan.steps.map((step, index) => retarget(step, { joined, stays, takesIn: takesIn(plan.steps, index, kinds) }));
  const amended = { ...rest, inventory, steps };
  return { ...amended, digest: digestOf(amended) };
}

/** The last batch of a step on nodes: `name/3` of name, name/2, name/3. */
function takesIn(steps: readonly PlannedStep[], index: number, kinds: ReadonlyMap<string, { readonly targets: string }>): boolean {
  const base = (step: PlannedStep | undefined): string => step?.id.split('/')[0] ?? '';
  return kinds.get(steps[index]?.kind ?? '')?.targets === 'nodes' && base(steps[index + 1]) !== base(steps[index]);
}

function retarget(step: PlannedStep, change: { joined: readonly NodeRecord[]; stays(name: string): boolean; takesIn: boolean }): PlannedStep {
  const isNode = step.targets.every((t) => t !== 'cluster');
  const targets = isNode ? step.targets.filter((t) => change.stays(t)) : step.targets;
  return { ...step, targets: change.takesIn ? [...targets, ...change.joined.map((n) => n.name)] : targets };
}

function sameField(a: Inventory['objects'][number], b: Inventory['objects'][number]): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name && a.field === b.field;
}
