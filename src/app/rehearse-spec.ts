/** Which staging cluster a rehearsal gets: by topology, or like the cluster that a plan has recorded. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Inventory } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import { freeBlock, portsOf } from '../staging/addresses.js';
import type { ClusterSpec } from '../staging/spec.js';
import { specOfInventory } from '../staging/spec-from-inventory.js';
import { specOfTopology } from '../staging/topology.js';
import { readRecording } from './read-recording.js';

/** Reads what was given; nothing is made. Throws usage, plan-invalid, inventory-invalid. The spec itself throws usage if no place is free for it. */
export function specFor(wish: { readonly topology: string; readonly from?: string }): () => Promise<ClusterSpec> {
  const inventory = wish.from === undefined ? undefined : readRecording(textOf(wish.from), wish.from);
  if (inventory !== undefined) refuseWithoutControlPlane(inventory, wish.from ?? '');
  const nowMs = Date.now();
  const uid = randomUUID();
  const specIn = (block: number): ClusterSpec =>
    inventory === undefined ? specOfTopology(wish.topology, { block, uid, nowMs }) : specOfInventory(inventory, { block, uid, nowMs });
  // What was typed wrongly is said before ports are looked for.
  specIn(127);
  return async () => specIn(await freeBlock((block) => portsOf(specIn(block))));
}

/** A scan that has reached no control plane is of no cluster that could be made. */
function refuseWithoutControlPlane(inventory: Inventory, file: string): void {
  if (inventory.nodes.some(({ roles }) => roles.includes('control-plane'))) return;
  fail('inventory-invalid', {
    target: file,
    summary: 'there is no control plane in it',
    cause: (inventory.unseen ?? []).map(({ place, why }) => `${place}: ${why}`).join('\n'),
    nextAction: 'Make it again with "rotate-ca scan --out scan.json" when the control planes can be reached.',
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return fail('usage', {
      target: file,
      summary: 'the plan cannot be read',
      cause: error instanceof Error ? error.message : String(error),
      nextAction: 'Make one with "rotate-ca plan --out plan.json", then give --from plan.json.',
    });
  }
}
