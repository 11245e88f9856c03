/** Pods of workloads on one node: started when their volumes are there, told of, ended. They outlive their kubelet. */

import { createHash, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { StoredObject } from '../api/store.js';
import type { StagingClient } from '../client/staging-client.js';
import type { StagingContext } from '../component.js';
import type { KubeCalls } from '../controllers/kube-calls.js';
import { keyOf } from '../controllers/object-cache.js';
import { isReady, podSpecOf, podStatusOf } from '../controllers/workload-objects.js';
import type { StagingNode } from '../node/staging-node.js';
import { readsCaAnnotation } from '../objects-workloads.js';
import { timings } from '../timings.js';
import { heldFiles } from './held-files.js';
import { type AskingCounters, type AskingPod, askAsPod } from './pod-asking.js';
import type { AskingPace } from './pod-pace.js';
import { podStatus } from './pod-status.js';
import { loseVolumes, type PodVolumes, podVolumes, readMounted } from './pod-volumes.js';
import { accountVolume } from './volume-sources.js';

/** What a kubelet lends to the pods that it looks after. */
export interface Attending {
  readonly api: StagingClient;
  readonly kube: KubeCalls;
  readonly log: (line: string) => void;
}

export interface WorkloadPods {
  attend(kubelet: Attending): void;
  /** `object` is a pod of the node as the API has it. */
  seen(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: StoredObject): void;
  /** All of the node that the API has: what is not among them was deleted while nobody looked. */
  settle(uids: ReadonlySet<string>): void;
  leave(): void;
  /** The node has lost its power: what they held is gone, and they start anew. */
  cut(): void;
  logOf(namespace: string, pod: string): readonly string[] | undefined;
  objects(): readonly StoredObject[];
  /** Those whose programs run. */
  running(): readonly StoredObject[];
  asking(): number;
}

interface Life {
  readonly containerId: string;
  readonly startedAtMs: number;
}

interface Pod {
  object: StoredObject;
  state: 'starting' | 'running' | 'ending';
  life: Life | undefined;
  asking: AskingPod | undefined;
  log: string[];
  restarts: number;
  cancelSync: () => void;
}

export interface WorkloadPodsOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly now: () => number;
  readonly counters: AskingCounters;
  readonly pace: AskingPace;
}

const retryMs = 2_000;

export function createWorkloadPods(options: WorkloadPodsOptions): WorkloadPods {
  const { context, node, now, counters, pace } = options;
  const { clock } = context;
  const pods = new Map<string, Pod>();
  let attended: (Attending & { readonly volumes: PodVolumes }) | undefined;

  function seen(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: StoredObject): void {
    const { uid } = object.metadata;
    const pod = pods.get(uid);
    if (type === 'DELETED') {
      if (pod !== undefined) forget(uid, pod);
      return;
    }
    const { phase } = podStatusOf(object);
    if (phase === 'Succeeded' || phase === 'Failed') return;
    if (pod === undefined) {
      if (object.metadata.deletionTimestamp === undefined) begin(object);
      else void end(object);
      return;
    }
    const before = pod.object;
    pod.object = object;
    if (object.metadata.deletionTimestamp !== undefined && pod.state !== 'ending') {
      pod.state = 'ending';
      pod.cancelSync();
      clock.after(timings.podStopMs, () => void end(object));
    } else if (pod.state === 'running') {
      if (!isTold(pod)) void tell(pod);
      // Another status alone brings no sync (k/k pkg/kubelet/config/config.go podsDifferSemantically).
      if (!isSameToKubelet(before, object)) void sync(pod);
    }
  }

  function begin(object: StoredObject): void {
    const pod: Pod = { object, state: 'starting', life: undefined, asking: undefined, log: [], restarts: 0, cancelSync: () => undefined };
    pods.set(object.metadata.uid, pod);
    clock.after(timings.podStartMs, () => void start(pod));
  }

  /** Volumes first: without ca.crt or a token a pod does not start. */
  async function start(pod: Pod): Promise<void> {
    const { uid, namespace = '', name } = pod.object.metadata;
    if (pods.get(uid) !== pod || pod.state !== 'starting' || attended === undefined) return;
    try {
      await attended.volumes.sync(pod.object);
      if (pods.get(uid) !== pod || pod.state !== 'starting' || attended === undefined) return;
      run(pod);
    } catch (error) {
      attended?.log(`"Error syncing pod, skipping" err="unmounted volumes: ${textOf(error)}" pod="${keyOf(namespace, name)}"`);
      clock.after(retryMs, () => void start(pod));
    }
  }

  function run(pod: Pod): void {
    const { uid, annotations } = pod.object.metadata;
    pod.life = { containerId: randomBytes(32).toString('hex'), startedAtMs: now() };
    pod.state = 'running';
    const volume = accountVolume(pod.object);
    const held = heldFiles({
      clock,
      read: (path) => readMounted(node, uid, volume, path),
      followsCa: annotations?.[readsCaAnnotation] === 'reload',
      onReload: (pem) => void pod.log.push(`reloaded, ca.crt ${fingerprint(pem)}`),
    });
    pod.log.push(`started, ca.crt ${fingerprint(held.caPem())}`);
    if (volume !== undefined && isChosen(uid)) {
      const { address, port } = context.spec.loadBalancer;
      pod.asking = askAsPod({ clock, server: `https://${address}:${port}`, held, ...pace, counters });
    }
    syncLater(pod);
    void tell(pod);
  }

  /** k/k pkg/kubelet/pod_workers.go: each pod by itself, after a minute and up to half of it more. */
  function syncLater(pod: Pod): void {
    pod.cancelSync();
    if (attended === undefined) return;
    pod.cancelSync = clock.after(timings.volumeSyncMs * (1 + timings.volumeSyncJitter * Math.random()), () => void sync(pod));
  }

  async function sync(pod: Pod): Promise<void> {
    const { uid, namespace = '', name } = pod.object.metadata;
    if (attended === undefined || pod.state !== 'running' || pods.get(uid) !== pod) return;
    pod.cancelSync();
    try {
      await attended.volumes.sync(pod.object);
    } catch (error) {
      attended?.log(`"MountVolume.SetUp failed" pod="${keyOf(namespace, name)}" err="${textOf(error)}"`);
    }
    if (pods.get(uid) === pod && pod.state === 'running') syncLater(pod);
  }

  async function tell(pod: Pod): Promise<void> {
    const { life, object } = pod;
    if (attended === undefined || life === undefined) return;
    const { namespace, name, uid } = object.metadata;
    try {
      await attended.kube.patch('Pod', { namespace, name, subresource: 'status' }, { metadata: { uid }, status: statusOf(pod, life) });
    } catch (error) {
      attended?.log(`"Failed to update status for pod" pod="${keyOf(namespace, name)}" err="${textOf(error)}"`);
      if (pods.get(uid) === pod) clock.after(retryMs, () => (pod.state === 'running' && !isTold(pod) ? void tell(pod) : undefined));
    }
  }

  function statusOf(pod: Pod, life: Life): Readonly<Record<string, unknown>> {
    const isHost = podSpecOf(pod.object).hostNetwork === true;
    return podStatus({
      hostIp: node.address,
      podIp: isHost ? node.address : podIp(pod.object.metadata.uid),
      startedAtMs: life.startedAtMs,
      nowMs: now(),
      containers: (podSpecOf(pod.object).containers ?? []).map((container) => ({
        name: container.name,
        image: container.image ?? '',
        id: life.containerId,
        startedAtMs: life.startedAtMs,
        restarts: pod.restarts,
        state: 'running',
        isReady: true,
      })),
    });
  }

  /** The API is told last: a pod that is gone there has nothing left on the node. */
  async function end(object: StoredObject): Promise<void> {
    const { uid, namespace, name } = object.metadata;
    pods.get(uid)?.asking?.stop();
    if (attended === undefined) return;
    attended.volumes.remove(uid);
    try {
      await attended.kube.remove('Pod', { namespace, name }, { uid, graceSeconds: 0 });
    } catch (error) {
      attended?.log(`"Failed to delete status for pod" pod="${keyOf(namespace, name)}" err="${textOf(error)}"`);
      clock.after(retryMs, () => void end(object));
    }
  }

  function forget(uid: string, pod: Pod): void {
    pod.asking?.stop();
    pod.cancelSync();
    pods.delete(uid);
    attended?.volumes.remove(uid);
  }

  function leave(): void {
    attended?.volumes.stop();
    attended = undefined;
    for (const pod of pods.values()) pod.cancelSync();
  }

  function isChosen(uid: string): boolean {
    return pace.share >= 1 || createHash('sha256').update(uid).digest().readUInt32BE(0) / 2 ** 32 < pace.share;
  }

  function isTold(pod: Pod): boolean {
    const told = (pod.object.status as { readonly containerStatuses?: readonly { readonly containerID?: string; readonly ready?: boolean }[] } | undefined)?.containerStatuses?.[0];
    return pod.life !== undefined && told?.containerID === `containerd://${pod.life.containerId}` && isReady(pod.object);
  }

  return {
    seen,
    attend(kubelet) {
      // A kubelet that starts has no tokens: all pods get new ones at their first sync.
      attended = { ...kubelet, volumes: podVolumes({ context, node, ...kubelet, now }) };
      for (const pod of pods.values()) if (pod.state === 'starting') void start(pod);
    },
    settle(uids) {
      for (const [uid, pod] of [...pods]) if (!uids.has(uid)) forget(uid, pod);
      attended?.volumes.clean(uids);
      for (const pod of pods.values()) void sync(pod);
    },
    leave,
    cut() {
      leave();
      loseVolumes(node);
      for (const pod of pods.values()) {
        pod.asking?.stop();
        pod.asking = undefined;
        pod.life = undefined;
        if (pod.state === 'running') pod.state = 'starting';
        pod.restarts++;
      }
    },
    logOf: (namespace, name) => [...pods.values()].find(({ object }) => object.metadata.namespace === namespace && object.metadata.name === name)?.log,
    objects: () => [...pods.values()].map((pod) => pod.object),
    running: () => [...pods.values()].flatMap((pod) => (pod.state === 'running' ? [pod.object] : [])),
    asking: () => [...pods.values()].filter((pod) => pod.asking !== undefined).length,
  };
}

function isSameToKubelet(one: StoredObject, other: StoredObject): boolean {
  const seenBy = ({ metadata, spec }: StoredObject): unknown => [spec, metadata.labels, metadata.annotations];
  return isDeepStrictEqual(seenBy(one), seenBy(other));
}

/** Somewhere in the pod network; nobody connects to it. */
function podIp(uid: string): string {
  const [a = 0, b = 0] = createHash('sha256').update(uid).digest();
  return `10.244.${a}.${b}`;
}

function fingerprint(pem: string): string {
  return createHash('sha256').update(pem).digest('hex').slice(0, 12);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
