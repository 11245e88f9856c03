/** Which staging cluster a rehearsal gets: by topology, or like the cluster that a plan has recorded. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fail } from '../domain/errors.js';
import { freeBlock } from '../staging/addresses.js';
import type { ClusterSpec } from '../staging/spec.js';
import { specOfInventory } from '../staging/spec-from-inventory.js';
import { specOfTopology } from '../staging/topology.js';
import { readRecording } from './read-recording.js';

/** Throws usage, plan-invalid, inventory-invalid. */
export async function specFor(wish: { readonly topology: string; readonly from?: string }): Promise<ClusterSpec> {
  const inventory = wish.from === undefined ? undefined : readRecording(textOf(wish.from), wish.from);
  // What was typed wrongly is said before ports are looked for.
  if (inventory === undefined) specOfTopology(wish.topology, { block: 127, uid: '', nowMs: 0 });
  const place = { block: await freeBlock(), uid: randomUUID(), nowMs: Date.now() };
  return inventory === undefined ? specOfTopology(wish.topology, place) : specOfInventory(inventory, place);
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
