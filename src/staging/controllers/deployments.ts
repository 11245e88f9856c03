/** Deployment controller: one ReplicaSet for each template, scaled against each other by the limits of the rollout. */

import type { StoredObject } from '../api/store.js';
import { type ControllerWorld, ownedBy, ownerOf } from './controller-world.js';
import { keyOf, partsOf } from './object-cache.js';
import { controllerReference } from './pod-making.js';
import { limitsOf, nextScales, type RolloutLimits } from './rollout-rules.js';
import { type PodTemplate, type Selector, templateHash, timeText } from './workload-objects.js';

const hashLabel = 'pod-template-hash';
const revision = 'deployment.kubernetes.io/revision';

interface Spec {
  readonly replicas?: number;
  readonly paused?: boolean;
  readonly selector?: Selector;
  readonly template?: PodTemplate;
  readonly revisionHistoryLimit?: number;
  readonly strategy?: { readonly type?: 'RollingUpdate' | 'Recreate'; readonly rollingUpdate?: RolloutLimits };
}

interface SetStatus {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
}

export function rollDeployments(world: ControllerWorld): void {
  const deployments = world.cache('Deployment');
  const sets = world.cache('ReplicaSet');
  const queue = world.queue(
    'deployment-controller',
    async (key) => {
      const { namespace, name } = partsOf(key);
      const deployment = deployments.get(namespace, name);
      if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined || !sets.isSynced) return false;
      return sync(world, deployment);
    },
    { retries: 15 },
  );
  const add = (object: StoredObject): void => queue.add(keyOf(object.metadata.namespace, object.metadata.name));
  deployments.onChange((type, object) => {
    if (type !== 'DELETED') add(object);
  });
  sets.onChange((_, set) => {
    const owner = ownerOf(set);
    if (owner?.kind === 'Deployment') queue.add(keyOf(set.metadata.namespace, owner.name));
  });
  sets.onSynced(() => deployments.onSynced(() => deployments.list().forEach(add)));
}

async function sync(world: ControllerWorld, deployment: StoredObject): Promise<boolean> {
  const sets = world.cache('ReplicaSet');
  const { namespace, name } = deployment.metadata;
  const spec = (deployment.spec ?? {}) as Spec;
  const replicas = spec.replicas ?? 1;
  const owned = ownedBy(sets.list(namespace), deployment.metadata.uid);
  const hash = templateHash(spec.template ?? {});
  let current = owned.find((set) => set.metadata.labels?.[hashLabel] === hash);
  const before = owned.filter((set) => set !== current).sort((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp));
  let wrote = false;

  if (current === undefined && spec.paused !== true) {
    const number = 1 + Math.max(0, ...owned.map((set) => Number(set.metadata.annotations?.[revision] ?? 0)));
    const { maxSurge } = limitsOf(replicas, spec.strategy?.rollingUpdate);
    const room = Math.max(0, Math.min(replicas, replicas + maxSurge - total(before)));
    const labels = { ...spec.template?.metadata?.labels, [hashLabel]: hash };
    current = await world.kube.create(
      'ReplicaSet',
      { namespace },
      {
        metadata: { name: `${name}-${hash}`, namespace, labels, annotations: { [revision]: String(number) }, ownerReferences: [controllerReference(deployment)] },
        spec: {
          replicas: before.length > 0 && spec.strategy?.type === 'Recreate' ? 0 : room,
          selector: { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, [hashLabel]: hash } },
          template: { ...spec.template, metadata: { ...spec.template?.metadata, labels } },
        },
      },
    );
    sets.remember(current);
    wrote = true;
  } else if (current !== undefined && (spec.paused !== true || before.every((set) => wantedOf(set) === 0))) {
    const scales = nextScales(replicas, { type: spec.strategy?.type ?? 'RollingUpdate', limits: spec.strategy?.rollingUpdate }, stateOf(current), before.map(stateOf));
    for (const [set, wanted] of scales) {
      sets.remember(await world.kube.patch('ReplicaSet', { namespace, name: set }, { spec: { replicas: wanted } }));
      wrote = true;
    }
  }
  await tidy(world, spec, before);
  return (await report(world, deployment, replicas)) || wrote;
}

/** Earlier sets are kept for a rollback, ten of them by default. */
async function tidy(world: ControllerWorld, spec: Spec, before: readonly StoredObject[]): Promise<void> {
  const empty = before.filter((set) => wantedOf(set) === 0 && (statusOf(set).replicas ?? 0) === 0);
  for (const set of empty.slice(0, Math.max(0, empty.length - (spec.revisionHistoryLimit ?? 10)))) {
    await world.kube.remove('ReplicaSet', { namespace: set.metadata.namespace, name: set.metadata.name }, { uid: set.metadata.uid });
  }
}

async function report(world: ControllerWorld, deployment: StoredObject, replicas: number): Promise<boolean> {
  const { namespace, name, uid, generation } = deployment.metadata;
  const spec = (deployment.spec ?? {}) as Spec;
  const owned = ownedBy(world.cache('ReplicaSet').list(namespace), uid);
  const hash = templateHash(spec.template ?? {});
  const current = owned.find((set) => set.metadata.labels?.[hashLabel] === hash);
  const sum = (field: keyof SetStatus): number => owned.reduce((all, set) => all + (statusOf(set)[field] ?? 0), 0);
  const available = sum('availableReplicas');
  const updated = current === undefined ? 0 : (statusOf(current).replicas ?? 0);
  const { maxUnavailable } = limitsOf(replicas, spec.strategy?.rollingUpdate);
  const isDone = updated >= replicas && sum('replicas') === updated && available >= replicas;
  const was = (deployment.status ?? {}) as {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string; readonly reason?: string }[];
  };
  const condition = (type: string, isTrue: boolean, reason: string): Record<string, string> => {
    const status = isTrue ? 'True' : 'False';
    const known = was.conditions?.find((one) => one.type === type && one.status === status);
    return { type, status, reason, lastTransitionTime: known?.lastTransitionTime ?? timeText(world.now()) };
  };
  const status = {
    observedGeneration: generation ?? 1,
    replicas: sum('replicas'),
    updatedReplicas: updated,
    readyReplicas: sum('readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, Math.max(total(owned), replicas) - available),
    conditions: [
      condition('Available', available >= replicas - maxUnavailable, available >= replicas - maxUnavailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable'),
      condition('Progressing', true, isDone ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated'),
    ],
  };
  if (JSON.stringify(pick(was, status)) === JSON.stringify(status)) return false;
  world.cache('Deployment').remember(await world.kube.patch('Deployment', { namespace, name, subresource: 'status' }, { status }));
  return true;
}

function pick(was: object, like: object): object {
  return Object.fromEntries(Object.keys(like).map((key) => [key, (was as Record<string, unknown>)[key]]));
}

function stateOf(set: StoredObject): { readonly name: string; readonly wanted: number; readonly available: number } {
  return { name: set.metadata.name, wanted: wantedOf(set), available: statusOf(set).availableReplicas ?? 0 };
}

function wantedOf(set: StoredObject): number {
  return (set.spec as { readonly replicas?: number } | undefined)?.replicas ?? 1;
}

function statusOf(set: StoredObject): SetStatus {
  return (set.status ?? {}) as SetStatus;
}

function total(sets: readonly StoredObject[]): number {
  return sets.reduce((sum, set) => sum + wantedOf(set), 0);
}
