/** Snapshots of a staging cluster: the files of all nodes, the objects, and Vault. What ran is started again from what is on disk. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearFaults } from './apply-fault.js';
import type { StagingContext } from './component.js';
import type { LoadBalancer } from './load-balancer.js';
import { loadNode, saveNode } from './node/save-node.js';
import { waitUntilBack } from './readiness.js';
import type { StagingVault } from './vault/server.js';

export interface SnapshotParts {
  readonly context: StagingContext;
  readonly vault: StagingVault;
  readonly balancer: LoadBalancer;
}

/** To be taken in a quiet moment: a file that a component is just writing is saved as it is. */
export async function saveSnapshot({ context, vault }: SnapshotParts, folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const node of context.nodes()) saveNode(node, join(folder, 'nodes', node.name));
  writeFileSync(join(folder, 'objects.json'), context.store.dump(), { mode: 0o600 });
  writeFileSync(join(folder, 'vault.json'), vault.state(), { mode: 0o600 });
}

/**
 * All nodes lose their power, get their files of then, and boot; whatever was broken is mended. Resolves when every kubelet and every leader
 * has been heard of again and the load balancer counts all API servers, with what is still missing after a minute.
 */
export async function loadSnapshot(parts: SnapshotParts, folder: string): Promise<string[]> {
  const { context, vault } = parts;
  const nodes = context.nodes();
  await Promise.all(nodes.map((node) => node.power(false)));
  for (const node of nodes) loadNode(node, join(folder, 'nodes', node.name));
  context.store.load(readFileSync(join(folder, 'objects.json'), 'utf8'));
  vault.load(readFileSync(join(folder, 'vault.json'), 'utf8'));
  const bootedAtMs = context.clock.now();
  await clearFaults(parts);
  return waitUntilBack(parts, bootedAtMs);
}
