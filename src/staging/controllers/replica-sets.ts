/** ReplicaSet controller: as many pods as wanted; what goes first is what works least (k/k pkg/controller/replicaset/replica_set.go). */

import type { StoredObject } from '../api/store.js';
import { type ControllerWorld, ownedBy, ownerOf } from './controller-world.js';
import { keyOf, partsOf } from './object-cache.js';
import { podDraft } from './pod-making.js';
import { writeStatus } from './status-writing.js';
import { isActive, isReady, podSpecOf, type PodTemplate } from './workload-objects.js';

export function keepReplicas(world: ControllerWorld): void {
  const sets = world.cache('ReplicaSet');
  const pods = world.cache('Pod');
  const queue = world.queue('replicaset-controller', async (key) => {
    const { namespace, name } = partsOf(key);
    const set = sets.get(namespace, name);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined || !pods.isSynced) return false;
    return sync(world, set);
  });
  const add = (object: StoredObject): void => queue.add(keyOf(object.metadata.namespace, object.metadata.name));
  sets.onChange((type, object) => {
    if (type !== 'DELETED') add(object);
  });
  pods.onChange((_, pod) => {
    const owner = ownerOf(pod);
    if (owner?.kind === 'ReplicaSet') queue.add(keyOf(pod.metadata.namespace, owner.name));
  });
  pods.onSynced(() => sets.onSynced(() => sets.list().forEach(add)));
}

async function sync(world: ControllerWorld, set: StoredObject): Promise<boolean> {
  const pods = world.cache('Pod');
  const { namespace } = set.metadata;
  const spec = (set.spec ?? {}) as { readonly replicas?: number; readonly template?: PodTemplate };
  const wanted = spec.replicas ?? 1;
  const own = (): StoredObject[] => ownedBy(pods.list(namespace), set.metadata.uid).filter(isActive);
  const active = own();
  let wrote = false;
  for (let i = active.length; i < wanted; i++) {
    pods.remember(await world.kube.create('Pod', { namespace }, podDraft({ owner: set, template: spec.template ?? {} })));
    wrote = true;
  }
  for (const pod of leastWorking(active).slice(0, Math.max(0, active.length - wanted))) {
    await removePod(world, pod);
    wrote = true;
  }
  const left = own();
  const ready = left.filter(isReady).length;
  const status = { replicas: left.length, fullyLabeledReplicas: left.length, readyReplicas: ready, availableReplicas: ready, observedGeneration: set.metadata.generation ?? 1 };
  return (await writeStatus(world, set, status)) || wrote;
}

/** Deletes a pod, and knows at once that it is on its way out. */
export async function removePod(world: ControllerWorld, pod: StoredObject): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  await world.kube.remove('Pod', { namespace, name }, { uid });
  world.cache('Pod').remember({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date(world.now()).toISOString() } });
}

/** Not bound before bound, not ready before ready, younger before older. */
function leastWorking(pods: readonly StoredObject[]): StoredObject[] {
  const rank = (pod: StoredObject): number => (podSpecOf(pod).nodeName === undefined ? 0 : isReady(pod) ? 2 : 1);
  return [...pods].sort((a, b) => rank(a) - rank(b) || b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp));
}
