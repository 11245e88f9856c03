/** Snapshots of a staging cluster: the files of all nodes, the objects, and Vault. What ran is started again from what is on disk. */

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StagingContext } from './component.js';
import type { StagingNode } from './node/staging-node.js';
import { waitUntilReady } from './readiness.js';
import type { StagingVault } from './vault/server.js';

/** What a node has of its own: the rest of its root stands for programs and /proc. */
const kept = ['etc', 'var', 'root', 'home'];

export async function saveSnapshot(context: StagingContext, vault: StagingVault, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const node of context.nodes()) copy(node.root, join(folder, 'nodes', node.name));
  writeFileSync(join(folder, 'objects.json'), context.store.dump(), { mode: 0o600 });
  writeFileSync(join(folder, 'vault.json'), vault.state(), { mode: 0o600 });
}

/** Resolves when the cluster is ready again, or after a minute as far as it came. */
export async function loadSnapshot(context: StagingContext, vault: StagingVault, folder: string): Promise<void> {
  context.faults.clear();
  const nodes = context.nodes();
  await Promise.all(nodes.map((node) => node.power(false)));
  for (const node of nodes) putBack(join(folder, 'nodes', node.name), node);
  context.store.load(readFileSync(join(folder, 'objects.json'), 'utf8'));
  vault.load(readFileSync(join(folder, 'vault.json'), 'utf8'));
  await Promise.all(nodes.map((node) => node.power(true)));
  await waitUntilReady(context);
}

function copy(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((one) => kept.includes(one)))
    cpSync(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
}

function putBack(from: string, node: StagingNode): void {
  node.skewMs = 0;
  for (const name of kept) rmSync(join(node.root, name), { recursive: true, force: true });
  copy(from, node.root);
}
