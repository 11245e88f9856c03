/** A look at the cluster at a gate: what differs from the plan, and the rest planned anew where that matters. */

import type { Inventory } from '../domain/cluster/inventory.js';
import type { Plan } from '../domain/plan/plan.js';
import type { Run, RunView } from '../engine/open-run.js';
import { fail, failure, failuresOf, RotationError } from '../domain/errors.js';
import { replan } from '../domain/plan/replan.js';
import { stepKinds } from '../steps/index.js';
import type { RunFolder } from './run-folder.js';

export interface Looked {
  /** In words, for the operator; changes that the run itself made are not among them. */
  readonly differences: readonly string[];
}

/**
 * Nodes that joined are taken into the rest of the plan, and so into an amended plan that must be approved again; nodes that
 * are gone from the cluster leave it; nodes that are there but cannot be reached block (node-absent), because trust must not be narrowed without them.
 */
export async function lookAgain(options: { run: Run; view: RunView; inventory: Inventory; folder: RunFolder; by: string }): Promise<Looked> {
  const { run, view, inventory, folder, by } = options;
  const joined = inventory.nodes.filter((n) => !view.plan.inventory.nodes.some((m) => m.name === n.name));
  const left = view.plan.inventory.nodes.filter((n) => !inventory.nodes.some((m) => m.name === n.name));
  const objects = newObjects(view.plan, inventory);
  const differences = [
    ...joined.map((n) => `node ${n.name} (${n.roles.join(', ')}) has joined: it is taken in`),
    ...left.map((n) => `node ${n.name} has left the cluster`),
    ...objects.map((o) => `${o} holds the CA and was not there before: it is taken in`),
  ];
  if (differences.length === 0) return { differences };
  const joinedControlPlane = joined.find((n) => n.roles.includes('control-plane'));
  if (joinedControlPlane !== undefined) {
    fail('layout-unsupported', {
      target: joinedControlPlane.name,
      summary: 'a control plane has joined in the middle of the run',
      cause: 'it was made with the CA files of that moment, which the plan does not know',
      nextAction: `Remove it from the cluster (kubeadm reset), then run "rotate-ca resume ${view.progress.run}"; join it again afterwards.`,
    });
  }
  const amended = replan(view.plan, inventory, stepKinds);
  folder.savePlan(amended);
  run.amend(amended, { reason: differences.join('; '), by });
  return { differences };
}

function newObjects(plan: Plan, inventory: Inventory): string[] {
  const key = (o: Inventory['objects'][number]): string => `${o.kind} ${o.namespace === '' ? '' : `${o.namespace}/`}${o.name} ${o.field}`;
  const cas = new Set(plan.inventory.nodes.flatMap((n) => n.files.filter((f) => f.path === '/etc/kubernetes/pki/ca.crt').flatMap((f) => f.certificates.map((c) => c.fingerprint))));
  const relevant = (o: Inventory['objects'][number]): boolean => (o.writer === 'none' || o.writer === 'kubeadm') && o.certificates.some((c) => cas.has(c.fingerprint));
  const known = new Set(plan.inventory.objects.filter(relevant).map(key));
  return inventory.objects
    .filter(relevant)
    .map(key)
    .filter((k) => !known.has(k));
}

/** At a gate a node that cannot be reached is more than a line that is down: trust must not be narrowed without it. */
export function absent(error: unknown): never {
  const failures = failuresOf(error);
  if (failures === undefined) throw error;
  throw new RotationError(
    failures.map((f) =>
      f.code !== 'ssh-unreachable'
        ? f
        : failure('node-absent', {
            target: f.target,
            summary: 'the node cannot be reached, and the run must not go on without it',
            cause: f.cause,
            nextAction: 'Bring it back, or remove it from the cluster (kubectl delete node) and from the inventory; then approve again.',
          }),
    ),
  );
}
