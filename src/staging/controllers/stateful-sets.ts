/** StatefulSet controller: pods by ordinal, one after the other up, and from the last one down when the template changes (k/k pkg/controller/statefulset). */

import type { StoredObject } from '../api/store.js';
import { type ControllerWorld, ownedBy, ownerOf } from './controller-world.js';
import { keyOf, partsOf } from './object-cache.js';
import { podDraft } from './pod-making.js';
import { removePod } from './replica-sets.js';
import { writeStatus } from './status-writing.js';
import { isActive, isReady, type PodTemplate, templateHash } from './workload-objects.js';

export const revisionLabel = 'controller-revision-hash';

interface Spec {
  readonly replicas?: number;
  readonly template?: PodTemplate;
  readonly podManagementPolicy?: string;
  readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } };
}

export interface Member {
  readonly ordinal: number;
  readonly isReady: boolean;
  readonly isEnding: boolean;
  readonly isUpdated: boolean;
}

/** What a sync does next: ordinals to make, and the one to delete. At most one step when pods are ordered. */
export function nextSteps(
  spec: { readonly replicas: number; readonly isParallel: boolean; readonly isRolling: boolean; readonly partition: number },
  members: readonly Member[],
): { readonly make: readonly number[]; readonly remove: readonly number[] } {
  const at = new Map(members.map((member) => [member.ordinal, member]));
  const make: number[] = [];
  for (let ordinal = 0; ordinal < spec.replicas; ordinal++) {
    const member = at.get(ordinal);
    if (member === undefined) make.push(ordinal);
    if (spec.isParallel) continue;
    // Ordered: nothing happens above one that is missing, ending or not ready.
    if (member === undefined || member.isEnding || !member.isReady) return { make, remove: [] };
  }
  const condemned = members.filter((member) => member.ordinal >= spec.replicas).sort((a, b) => b.ordinal - a.ordinal);
  if (condemned.length > 0) {
    const going = condemned.filter((member) => !member.isEnding).map((member) => member.ordinal);
    return { make, remove: spec.isParallel ? going : condemned[0]?.isEnding === true ? [] : going.slice(0, 1) };
  }
  if (!spec.isRolling) return { make, remove: [] };
  for (let ordinal = spec.replicas - 1; ordinal >= spec.partition; ordinal--) {
    const member = at.get(ordinal);
    if (member === undefined || member.isEnding) return { make, remove: [] };
    if (!member.isUpdated) return { make, remove: [ordinal] };
    if (!member.isReady) return { make, remove: [] };
  }
  return { make, remove: [] };
}

export function keepStateful(world: ControllerWorld): void {
  const sets = world.cache('StatefulSet');
  const pods = world.cache('Pod');
  const queue = world.queue('statefulset-controller', async (key) => {
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
    if (owner?.kind === 'StatefulSet') queue.add(keyOf(pod.metadata.namespace, owner.name));
  });
  pods.onSynced(() => sets.onSynced(() => sets.list().forEach(add)));
}

async function sync(world: ControllerWorld, set: StoredObject): Promise<boolean> {
  const pods = world.cache('Pod');
  const { namespace, name, uid } = set.metadata;
  const spec = (set.spec ?? {}) as Spec;
  const replicas = spec.replicas ?? 1;
  const update = `${name}-${templateHash(spec.template ?? {})}`;
  const ordinalOf = (pod: StoredObject): number => Number(pod.metadata.name.slice(name.length + 1));
  const own = ownedBy(pods.list(namespace), uid);
  let wrote = false;

  // One that has ended is made anew under its name.
  for (const pod of own.filter((one) => !isActive(one) && one.metadata.deletionTimestamp === undefined)) {
    await removePod(world, pod);
    wrote = true;
  }
  const members = own.map((pod) => ({ ordinal: ordinalOf(pod), isReady: isReady(pod), isEnding: !isActive(pod), isUpdated: pod.metadata.labels?.[revisionLabel] === update }));
  const { make, remove } = nextSteps(
    {
      replicas,
      isParallel: spec.podManagementPolicy === 'Parallel',
      isRolling: (spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate',
      partition: spec.updateStrategy?.rollingUpdate?.partition ?? 0,
    },
    members,
  );
  for (const ordinal of make) {
    const pod = `${name}-${ordinal}`;
    const labels = { [revisionLabel]: update, 'statefulset.kubernetes.io/pod-name': pod, 'apps.kubernetes.io/pod-index': String(ordinal) };
    pods.remember(await world.kube.create('Pod', { namespace }, podDraft({ owner: set, template: spec.template ?? {}, name: pod, labels })));
    wrote = true;
  }
  for (const pod of own.filter((one) => remove.includes(ordinalOf(one)))) {
    await removePod(world, pod);
    wrote = true;
  }

  const active = ownedBy(pods.list(namespace), uid).filter(isActive);
  const updated = active.filter((pod) => pod.metadata.labels?.[revisionLabel] === update);
  const ready = active.filter(isReady).length;
  const was = (set.status ?? {}) as { readonly currentRevision?: string };
  const isRolled = updated.length >= replicas && ready >= replicas && active.length === replicas;
  const current = isRolled || was.currentRevision === undefined ? update : was.currentRevision;
  const status = {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: active.length,
    readyReplicas: ready,
    availableReplicas: ready,
    currentReplicas: active.filter((pod) => pod.metadata.labels?.[revisionLabel] === current).length,
    updatedReplicas: updated.length,
    currentRevision: current,
    updateRevision: update,
    collisionCount: 0,
  };
  return (await writeStatus(world, set, status)) || wrote;
}
