/** Cuts the targets of a step into batches, one after the other: control planes before workers, never both in one batch. */

import type { NodeRecord, Role } from '../cluster/inventory.js';
import type { Batch } from './playbook.js';

/** Without a batch: one batch of all. A node of both roles counts as a control plane. The order of the inventory is kept. */
export function cutBatches(nodes: readonly Pick<NodeRecord, 'name' | 'roles'>[], batch: Batch | undefined): string[][] {
  const isControlPlane = (node: Pick<NodeRecord, 'roles'>): boolean => node.roles.includes('control-plane');
  const controlPlanes = nodes.filter(isControlPlane).map(({ name }) => name);
  const workers = nodes.filter((node) => !isControlPlane(node)).map(({ name }) => name);
  if (batch === undefined) return nodes.length === 0 ? [] : [[...controlPlanes, ...workers]];
  return [...slices(controlPlanes, sizeFor('control-plane', controlPlanes.length, batch)), ...slices(workers, sizeFor('worker', workers.length, batch))];
}

function sizeFor(role: Role, count: number, { size, per }: Batch): number {
  // Nobody said how many: control planes are the quorum, so one; workers at once.
  if (per !== undefined && per !== role) return role === 'control-plane' ? 1 : Math.max(1, count);
  if (typeof size === 'number') return size;
  return Math.max(1, Math.floor((count * Number.parseInt(size, 10)) / 100));
}

function slices(names: readonly string[], size: number): string[][] {
  const result: string[][] = [];
  for (let i = 0; i < names.length; i += size) result.push(names.slice(i, i + size));
  return result;
}
