/** Takes the inventory of a cluster for a plan. Reads only, and all or nothing; `fullScan` takes what it can get, and more. */

import type { Inventory } from '../domain/cluster/inventory.js';
import { type Failure, RotationError } from '../domain/errors.js';
import { collectScript } from './files/script.js';
import { gather, type GatherOptions } from './gather.js';

export interface ScanOptions extends Omit<GatherOptions, 'script' | 'onOutput'> {
  /** Unix time in ms. */
  now(): number;
}

/**
 * Reads nodes and API at the same time. Whatever fails is collected, so that an operator sees all of it at once:
 * throws one RotationError with a failure for each host or call (those of the ports, node-unknown, layout-unsupported).
 */
export async function scanCluster(options: ScanOptions): Promise<Inventory> {
  const { cluster, nodes, objects, pool, failures } = await gather({ ...options, script: collectScript, alone: false });
  if (failures.length > 0 || cluster === undefined) throw new RotationError(once(failures.map(({ failure }) => failure)));
  return {
    apiVersion: 'rotate-ca/v1',
    kind: 'Inventory',
    takenAt: new Date(options.now()).toISOString(),
    cluster,
    nodes,
    objects,
    certificates: pool.all(),
  };
}

/** The API's refusal comes once for each list: once is enough. */
export function once(failures: readonly Failure[]): Failure[] {
  const seen = new Set<string>();
  return failures.filter(({ code, target, summary, cause }) => {
    const key = [code, target, summary, cause].join('\0');
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
