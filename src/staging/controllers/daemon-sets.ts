/** DaemonSet controller: one pod on each node that its template may run on; a rollout deletes those of before (k/k pkg/controller/daemon). */

import type { StoredObject } from '../api/store.js';
import { type ControllerWorld, ownedBy, ownerOf } from './controller-world.js';
import { daemonTolerations, fits, nodeOfDaemonPod, onlyOn } from './node-rules.js';
import { keyOf, partsOf } from './object-cache.js';
import { podDraft } from './pod-making.js';
import { removePod } from './replica-sets.js';
import { writeStatus } from './status-writing.js';
import { isActive, isReady, podSpecOf, type PodSpec, type PodTemplate, scaled, templateHash } from './workload-objects.js';

const revisionLabel = 'controller-revision-hash';

interface Spec {
  readonly template?: PodTemplate;
  readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly maxUnavailable?: number | string } };
}

export function keepDaemons(world: ControllerWorld): void {
  const sets = world.cache('DaemonSet');
  const pods = world.cache('Pod');
  const nodes = world.cache('Node');
  const queue = world.queue('daemonset-controller', async (key) => {
    const { namespace, name } = partsOf(key);
    const set = sets.get(namespace, name);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined || !pods.isSynced || !nodes.isSynced) return false;
    return sync(world, set);
  });
  const add = (object: StoredObject): void => queue.add(keyOf(object.metadata.namespace, object.metadata.name));
  sets.onChange((type, object) => {
    if (type !== 'DELETED') add(object);
  });
  pods.onChange((_, pod) => {
    const owner = ownerOf(pod);
    if (owner?.kind === 'DaemonSet') queue.add(keyOf(pod.metadata.namespace, owner.name));
  });
  // Heartbeats change nothing here.
  const shapes = new Map<string, string>();
  nodes.onChange((type, node) => {
    const shape = JSON.stringify([type === 'DELETED', node.metadata.labels, node.spec]);
    if (shapes.get(node.metadata.name) === shape) return;
    shapes.set(node.metadata.name, shape);
    if (nodes.isSynced) sets.list().forEach(add);
  });
  nodes.onSynced(() => pods.onSynced(() => sets.onSynced(() => sets.list().forEach(add))));
}

async function sync(world: ControllerWorld, set: StoredObject): Promise<boolean> {
  const pods = world.cache('Pod');
  const { namespace, uid } = set.metadata;
  const spec = (set.spec ?? {}) as Spec;
  const template = spec.template ?? {};
  const hash = templateHash(template);
  const bearing: PodSpec = { ...template.spec, tolerations: [...(template.spec?.tolerations ?? []), ...daemonTolerations, ...hostTolerations(template.spec)] };
  const eligible = world
    .cache('Node')
    .list()
    .filter((node) => fits(bearing, node));
  const own = (): StoredObject[] => ownedBy(pods.list(namespace), uid);
  let wrote = false;

  const byNode = new Map<string, StoredObject[]>();
  for (const pod of own()) {
    const node = nodeOfDaemonPod(podSpecOf(pod)) ?? '';
    byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  }
  for (const node of eligible) {
    // One that is still ending holds its place: two of a daemon never run on a node.
    if ((byNode.get(node.metadata.name) ?? []).length > 0) continue;
    const affinity = onlyOn(node.metadata.name);
    const labels = { [revisionLabel]: hash };
    pods.remember(await world.kube.create('Pod', { namespace }, podDraft({ owner: set, template, labels, spec: { tolerations: bearing.tolerations ?? [], affinity } })));
    wrote = true;
  }
  const names = new Set(eligible.map((node) => node.metadata.name));
  for (const [node, there] of byNode) {
    const active = there.filter(isActive);
    for (const pod of names.has(node) ? active.slice(1) : active) {
      await removePod(world, pod);
      wrote = true;
    }
  }

  if (spec.updateStrategy?.type !== 'OnDelete')
    wrote =
      (await roll(
        world,
        spec,
        own().filter((pod) => names.has(nodeOfDaemonPod(podSpecOf(pod)) ?? '')),
        eligible.length,
        hash,
      )) || wrote;
  const active = own().filter((pod) => isActive(pod) && names.has(nodeOfDaemonPod(podSpecOf(pod)) ?? ''));
  const ready = active.filter(isReady).length;
  const status = {
    observedGeneration: set.metadata.generation ?? 1,
    currentNumberScheduled: active.length,
    desiredNumberScheduled: eligible.length,
    numberMisscheduled: 0,
    numberReady: ready,
    numberAvailable: ready,
    numberUnavailable: eligible.length - ready,
    updatedNumberScheduled: active.filter((pod) => pod.metadata.labels?.[revisionLabel] === hash).length,
  };
  return (await writeStatus(world, set, status)) || wrote;
}

/** Deletes pods of before, as many at once as may be missing; those that do not work count as missing already. */
async function roll(world: ControllerWorld, spec: Spec, pods: readonly StoredObject[], wanted: number, hash: string): Promise<boolean> {
  const limit = Math.max(1, scaled(spec.updateStrategy?.rollingUpdate?.maxUnavailable, wanted, 'up', 1));
  const active = pods.filter(isActive);
  const before = active.filter((pod) => pod.metadata.labels?.[revisionLabel] !== hash);
  const broken = before.filter((pod) => !isReady(pod));
  const missing = wanted - active.filter(isReady).length;
  const more = before.filter(isReady).slice(0, Math.max(0, limit - missing));
  for (const pod of [...broken, ...more]) await removePod(world, pod);
  return broken.length + more.length > 0;
}

function hostTolerations(spec: PodSpec | undefined): { readonly key: string; readonly operator: string; readonly effect: string }[] {
  return spec?.hostNetwork === true ? [{ key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' }] : [];
}
