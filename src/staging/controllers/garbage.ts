/** Garbage collection: what is owned goes when its owner has gone; pods of nodes that are gone go, too (k/k pkg/controller/garbagecollector, podgc). */

import type { StoredObject } from '../api/store.js';
import type { ControllerWorld } from './controller-world.js';
import { podSpecOf } from './workload-objects.js';

const owners = ['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet', 'Node'];
const owned = ['ReplicaSet', 'Pod'];

export function collectGarbage(world: ControllerWorld): void {
  const queue = world.queue('garbage-collector', async (key) => {
    const [kind = '', namespace = '', name = '', uid = ''] = key.split('|');
    const object = world.cache(kind).get(namespace, name);
    if (object === undefined || object.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined || !(await isOrphan(world, object))) return false;
    // A pod that nobody ends any more, because its node is gone, goes at once.
    const isLost = kind === 'Pod' && podSpecOf(object).nodeName !== undefined && world.cache('Node').get(undefined, podSpecOf(object).nodeName ?? '') === undefined;
    await world.kube.remove(kind, { namespace, name }, { uid, ...(isLost ? { graceSeconds: 0 } : {}) });
    return true;
  });
  const look = (object: StoredObject): void => queue.add([object.kind, object.metadata.namespace ?? '', object.metadata.name, object.metadata.uid].join('|'));
  for (const kind of owners) {
    world.cache(kind).onChange((type, owner) => {
      if (type !== 'DELETED') return;
      for (const object of owned.flatMap((of) => world.cache(of).list()))
        if (object.metadata.ownerReferences?.some((reference) => reference.uid === owner.metadata.uid)) look(object);
      if (kind === 'Node') for (const pod of world.cache('Pod').list()) if (podSpecOf(pod).nodeName === owner.metadata.name) look(pod);
    });
  }
  // What happened while nobody led.
  world.every(20_000, 'garbage-collector', async () => {
    if (![...owners, ...owned].every((kind) => world.cache(kind).isSynced)) return;
    for (const object of owned.flatMap((of) => world.cache(of).list())) look(object);
  });
}

async function isOrphan(world: ControllerWorld, object: StoredObject): Promise<boolean> {
  const nodeName = object.kind === 'Pod' ? podSpecOf(object).nodeName : undefined;
  if (nodeName !== undefined && world.cache('Node').isSynced && world.cache('Node').get(undefined, nodeName) === undefined) {
    return (await world.kube.get('Node', { name: nodeName })) === undefined;
  }
  const references = (object.metadata.ownerReferences ?? []).filter((reference) => owners.includes(reference.kind));
  if (references.length === 0) return false;
  for (const { kind, name, uid } of references) {
    if (!world.cache(kind).isSynced) return false;
    const namespace = kind === 'Node' ? undefined : object.metadata.namespace;
    if (world.cache(kind).get(namespace, name)?.metadata.uid === uid) return false;
    // The API is asked before anything is deleted (attemptToDeleteItem).
    if ((await world.kube.get(kind, { namespace, name }))?.metadata.uid === uid) return false;
  }
  return true;
}
