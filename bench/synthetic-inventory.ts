/** Clusters of any size, made from the recording of a real one: its control planes, and as many copies of its workers as are asked for. */

import { readFileSync } from 'node:fs';
import { type Inventory, type NodeRecord, nodesWith } from '../src/domain/cluster/inventory.js';

const recording = new URL('../fixtures/inventories/kubeadm-ha.json', import.meta.url);

/** `nodes` counts the control planes too. Names and addresses are all different. */
export function syntheticInventory(nodes: number): Inventory {
  const recorded = JSON.parse(readFileSync(recording, 'utf8')) as Inventory;
  const controlPlanes = nodesWith(recorded, 'control-plane');
  const workers = nodesWith(recorded, 'worker');
  return { ...recorded, nodes: [...controlPlanes, ...Array.from({ length: nodes - controlPlanes.length }, (_, n) => copyOf(workers[n % workers.length], n))] };
}

function copyOf(worker: NodeRecord | undefined, n: number): NodeRecord {
  if (worker === undefined) throw new Error('the recording has no worker');
  const name = `worker-${n + 1}`;
  const internalIp = `10.${64 + Math.floor(n / 65_536)}.${Math.floor(n / 256) % 256}.${n % 256}`;
  // A deep copy, as a scan would make: shared parts would hide what a large cluster costs.
  return { ...structuredClone(worker), name, internalIp, host: { ...worker.host, name, sshHost: internalIp } };
}
