/** Workloads: what a rollout, an eviction and a budget do, and which trust pods are given. */

import type { KubeObject } from '../../../src/ports/kube.js';
import type { Behaviour } from '../behaviour.js';
import { deployment, podsIn, podTemplate, scratchNamespace, statusOf } from '../scratch.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlanes, type World } from '../world.js';

const rolledMs = 90_000;
const annotation = 'kubectl.kubernetes.io/restartedAt';

function restartedAt(): Record<string, unknown> {
  return { spec: { template: { metadata: { annotations: { [annotation]: new Date().toISOString() } } } } };
}

function uids(pods: readonly KubeObject[]): (string | undefined)[] {
  return pods.map(({ metadata }) => metadata.uid);
}

function isReady({ status }: KubeObject): boolean {
  return ((status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
}

async function withKind(
  world: World,
  namespace: string,
  kind: 'DaemonSet' | 'StatefulSet',
  spec: Record<string, unknown>,
): Promise<{ apiVersion: string; kind: string; namespace: string; name: string }> {
  const labels = { app: 'idle' };
  await world.kube.create(
    { apiVersion: 'apps/v1', kind, metadata: { name: 'idle', namespace }, spec: { selector: { matchLabels: labels }, template: podTemplate(world, labels), ...spec } },
    { deadlineMs: callMs },
  );
  return { apiVersion: 'apps/v1', kind, namespace, name: 'idle' };
}

export const workloads: readonly Behaviour[] = [
  {
    id: 'pods-are-given-the-cluster-ca',
    rule: '2.4: admission adds a projected volume with token, kube-root-ca.crt and namespace; operations/pods',
    title: 'A pod that asks for nothing gets a projected volume with kube-root-ca.crt, mounted in its containers; its container says when it started',
    area: 'workloads',
    disturbs: 'restores-itself',
    expected: {
      sources: ['serviceAccountToken', 'configMap', 'downwardAPI'],
      configMap: 'kube-root-ca.crt',
      seconds: 3607,
      mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      startedAt: true,
      owner: 'ReplicaSet',
      containerId: 'containerd',
    },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      await deployment(world, namespace, 1);
      const [pod] = await podsIn(world, namespace);
      const spec = pod?.spec as {
        volumes?: { name: string; projected?: { sources: { serviceAccountToken?: { expirationSeconds: number }; configMap?: { name: string } }[] } }[];
        containers: { volumeMounts?: { name: string; mountPath: string }[] }[];
      };
      const volume = spec.volumes?.find(({ projected }) => projected !== undefined);
      const sources = volume?.projected?.sources ?? [];
      const status = pod?.status as { containerStatuses?: { containerID?: string; state?: { running?: { startedAt?: string } } }[] };
      return {
        sources: sources.map((source) => Object.keys(source)[0] ?? ''),
        configMap: sources.find(({ configMap }) => configMap !== undefined)?.configMap?.name ?? '',
        seconds: sources.find(({ serviceAccountToken }) => serviceAccountToken !== undefined)?.serviceAccountToken?.expirationSeconds ?? 0,
        mountPath: spec.containers[0]?.volumeMounts?.find(({ name }) => name === volume?.name)?.mountPath ?? '',
        startedAt: !Number.isNaN(Date.parse(status.containerStatuses?.[0]?.state?.running?.startedAt ?? '')),
        owner: pod?.metadata.ownerReferences?.find(({ controller }) => controller === true)?.kind ?? '',
        containerId: status.containerStatuses?.[0]?.containerID?.split('://')[0] ?? '',
      };
    },
  },
  {
    id: 'eviction-asks-the-budget',
    rule: '5.1 row 10, 6.40; ports/kube evict',
    title: 'An eviction that a PodDisruptionBudget does not allow is answered with 429; without the budget the pod goes and another comes',
    area: 'workloads',
    disturbs: 'restores-itself',
    expected: { allowed: 0, withBudget: 'blocked', message: true, without: 'evicted', replaced: true, again: 'gone' },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      await deployment(world, namespace, 1);
      const [pod] = await podsIn(world, namespace);
      const name = pod?.metadata.name ?? '';
      const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace, name: 'idle' };
      await world.kube.create({ ...budget, metadata: { name: 'idle', namespace }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'idle' } } } }, { deadlineMs: callMs });
      const status = await mustBecome(
        world,
        'the budget is counted',
        20_000,
        () => statusOf(world, budget),
        ({ currentHealthy }) => currentHealthy === 1,
      );
      const withBudget = await world.kube.evict({ namespace, name }, { deadlineMs: callMs });
      const refusal = await world.kube.call(
        'POST',
        `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
        { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
        { deadlineMs: callMs },
      );
      await world.kube.remove(budget, { deadlineMs: callMs });
      const without = await until(
        world,
        10_000,
        () => world.kube.evict({ namespace, name }, { deadlineMs: callMs }),
        (answer) => answer === 'evicted',
      );
      const now = await until(
        world,
        60_000,
        () => podsIn(world, namespace),
        (pods) => pods.length === 1 && pods[0] !== undefined && pods[0].metadata.uid !== pod?.metadata.uid && isReady(pods[0]),
      );
      // While it is still ending, an eviction of it is a success.
      const again = await until(
        world,
        40_000,
        () => world.kube.evict({ namespace, name, uid: pod?.metadata.uid ?? '' }, { deadlineMs: callMs }),
        (answer) => answer === 'gone',
      );
      return {
        allowed: (status.disruptionsAllowed as number | undefined) ?? 0,
        withBudget,
        message: refusal.body.includes("Cannot evict pod as it would violate the pod's disruption budget."),
        without,
        replaced: now.length === 1 && !uids(now).includes(pod?.metadata.uid),
        again,
      };
    },
  },
  {
    id: 'rollout-of-a-deployment',
    rule: '6.41; step roll-workloads: the rules of kubectl rollout status',
    title: 'restartedAt in the template of a Deployment is a new generation; its status counts up to it, and every pod is another afterwards',
    area: 'workloads',
    disturbs: 'restores-itself',
    expected: { generation: 1, sameAgain: 0, status: { updated: 2, replicas: 2, ready: 2, available: 2 }, observed: true, allNew: true, neverUnavailable: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const ref = await deployment(world, namespace, 2);
      const before = await podsIn(world, namespace);
      const old = (await world.kube.read(ref, { deadlineMs: callMs }))?.metadata.generation ?? 0;
      const patch = restartedAt();
      const generation = (await world.kube.patch(ref, patch, { deadlineMs: callMs })).metadata.generation ?? 0;
      const sameAgain = ((await world.kube.patch(ref, patch, { deadlineMs: callMs })).metadata.generation ?? 0) - generation;
      let neverUnavailable = true;
      const done = await until(
        world,
        rolledMs,
        async () => {
          const status = await statusOf(world, ref);
          // maxUnavailable is a quarter of two, rounded down.
          if (status.observedGeneration === generation && ((status.availableReplicas as number | undefined) ?? 0) < 2) neverUnavailable = false;
          return status;
        },
        (status) => status.observedGeneration === generation && status.updatedReplicas === 2 && status.replicas === 2 && status.availableReplicas === 2,
      );
      const after = await until(
        world,
        30_000,
        () => podsIn(world, namespace),
        (pods) => pods.length === 2,
      );
      const count = (key: string): number => (done[key] as number | undefined) ?? 0;
      return {
        generation: generation - old,
        sameAgain,
        status: { updated: count('updatedReplicas'), replicas: count('replicas'), ready: count('readyReplicas'), available: count('availableReplicas') },
        observed: done.observedGeneration === generation,
        allNew: uids(after).every((uid) => !uids(before).includes(uid)),
        neverUnavailable,
      };
    },
  },
  {
    id: 'rollout-of-a-stateful-set',
    rule: 'step roll-workloads: updateRevision and currentRevision',
    title: 'A StatefulSet rolls one pod after the other, from the last, with the same names, and then its revisions are equal',
    area: 'workloads',
    disturbs: 'restores-itself',
    expected: { names: ['idle-0', 'idle-1'], differsMeanwhile: true, equal: true, updated: 2, allNew: true, lastFirst: true },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const ref = await withKind(world, namespace, 'StatefulSet', { serviceName: 'idle', replicas: 2 });
      await mustBecome(
        world,
        'its pods are ready',
        rolledMs,
        () => statusOf(world, ref),
        ({ readyReplicas }) => readyReplicas === 2,
      );
      const before = new Map((await podsIn(world, namespace)).map(({ metadata }) => [metadata.name, metadata.uid]));
      // Held by its partition, however fast it would be over; then let go.
      const roll = async (partition: number, more: Record<string, unknown> = {}): Promise<number> => {
        const { spec } = more as { spec?: object };
        const patch = { spec: { ...spec, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } } } };
        return (await world.kube.patch(ref, patch, { deadlineMs: callMs })).metadata.generation ?? 0;
      };
      const held = await roll(2, restartedAt());
      const halfway = await until(
        world,
        rolledMs,
        () => statusOf(world, ref),
        (status) => status.observedGeneration === held && status.updateRevision !== status.currentRevision,
      );
      const generation = await roll(0);
      let lastFirst = true;
      const isNew = (pods: readonly KubeObject[], name: string): boolean => pods.some(({ metadata }) => metadata.name === name && metadata.uid !== before.get(name));
      const done = await until(
        world,
        rolledMs,
        async () => {
          const pods = await podsIn(world, namespace);
          if (isNew(pods, 'idle-0') && !isNew(pods, 'idle-1')) lastFirst = false;
          return statusOf(world, ref);
        },
        (status) => status.observedGeneration === generation && status.updateRevision === status.currentRevision && status.readyReplicas === 2,
      );
      const pods = await podsIn(world, namespace);
      return {
        names: pods.map(({ metadata }) => metadata.name).sort(),
        differsMeanwhile: halfway.observedGeneration === held && halfway.updateRevision !== halfway.currentRevision,
        equal: done.updateRevision === done.currentRevision && done.observedGeneration === generation,
        updated: (done.updatedReplicas as number | undefined) ?? 0,
        allNew: ['idle-0', 'idle-1'].every((name) => isNew(pods, name)),
        lastFirst,
      };
    },
  },
  {
    id: 'rollout-of-a-daemon-set',
    rule: 'step roll-workloads: updatedNumberScheduled, numberAvailable',
    title: 'A DaemonSet has a pod on every node that it may use, and rolls with one at most missing',
    area: 'workloads',
    disturbs: 'restores-itself',
    expected: { onWorkersOnly: true, updated: 'all', available: 'all', allNew: true, mostMissing: 1 },
    async run(world, undo) {
      const namespace = await scratchNamespace(world, undo);
      const ref = await withKind(world, namespace, 'DaemonSet', {});
      const workers = world.nodes.length - controlPlanes(world).length;
      await mustBecome(
        world,
        'its pods are ready',
        rolledMs,
        () => statusOf(world, ref),
        ({ numberAvailable }) => numberAvailable === workers,
      );
      const before = await podsIn(world, namespace);
      const generation = (await world.kube.patch(ref, restartedAt(), { deadlineMs: callMs })).metadata.generation ?? 0;
      let mostMissing = 0;
      const done = await until(
        world,
        rolledMs,
        async () => {
          const status = await statusOf(world, ref);
          mostMissing = Math.max(mostMissing, workers - ((status.numberAvailable as number | undefined) ?? 0));
          return status;
        },
        (status) => status.observedGeneration === generation && status.updatedNumberScheduled === workers && status.numberAvailable === workers,
      );
      const after = await until(
        world,
        30_000,
        () => podsIn(world, namespace),
        (pods) => pods.length === workers,
      );
      const names = new Set(world.nodes.filter(({ role }) => role === 'worker').map(({ name }) => name));
      const words = (key: string): string => (done[key] === workers ? 'all' : `${String(done[key])} of ${workers}`);
      return {
        onWorkersOnly: before.every(({ spec }) => names.has((spec as { nodeName?: string }).nodeName ?? '')),
        updated: words('updatedNumberScheduled'),
        available: words('numberAvailable'),
        allNew: uids(after).every((uid) => !uids(before).includes(uid)),
        mostMissing,
      };
    },
  },
];
