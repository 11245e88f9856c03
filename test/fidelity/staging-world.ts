/** A staging cluster as a world. */

import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStaging } from '../../src/staging/cluster.js';
import { sshUser } from '../../src/staging/operator-files.js';
import { pkiMount } from '../../src/staging/operator-policy.js';
import { specOfTopology } from '../../src/staging/topology.js';
import { openWorld } from './open-world.js';
import type { World } from './world.js';

/** Starts one of the shape of the lab: a node behind another, and standbys for each leader. */
export async function openStagingWorld({ topology = '3+2', speed = 20 }: { readonly topology?: string; readonly speed?: number } = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-fidelity-'));
  const spec = specOfTopology(topology, { block: randomInt(20, 250), uid: randomUUID(), nowMs: Date.now() });
  const staging = await startStaging({ spec, folder: join(folder, 'cluster'), speed });
  const snapshot = join(folder, 'fresh');
  if (staging.notReady.length > 0) {
    await staging.stop();
    throw new Error(`the staging cluster did not come up: ${staging.notReady.join('; ')}`);
  }
  await staging.save(snapshot);
  const { faults } = staging.context;
  return openWorld({
    name: 'staging',
    nodes: spec.nodes.map(({ name, roles, address, via }) => ({
      name,
      role: roles.includes('control-plane') ? 'control-plane' : 'worker',
      address,
      ...(via === undefined ? {} : { via }),
    })),
    loadBalancer: { host: spec.loadBalancer.address, port: spec.loadBalancer.port },
    idleImage: 'registry.k8s.io/pause:3.10.1',
    env: { PATH: process.env.PATH, HOME: folder, ...staging.operator.env },
    vaultMount: pkiMount,
    speed,
    sshPort: (node) => spec.nodes.find(({ name }) => name === node)?.sshPort ?? 22,
    sshUser,
    sshKeyFile: staging.operator.identityFile,
    async whileVaultIsSealed(work) {
      staging.vault.seal();
      try {
        return await work();
      } finally {
        staging.vault.unseal();
      }
    },
    async withoutSudo(node, work) {
      faults.ssh.set(node, { kind: 'no-sudo' });
      try {
        return await work(sshUser);
      } finally {
        faults.ssh.delete(node);
      }
    },
    async startOver() {
      await staging.load(snapshot);
    },
    async close() {
      await staging.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}
