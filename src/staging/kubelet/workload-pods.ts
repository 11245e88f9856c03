/** Pods of workloads on one node: started, told of, ended; each holds ca.crt and token as its client library would. They outlive their kubelet. */

import { createHash, randomBytes } from 'node:crypto';
import type { StoredObject } from '../api/store.js';
import type { StagingContext } from '../component.js';
import type { KubeCalls } from '../controllers/kube-calls.js';
import { keyOf } from '../controllers/object-cache.js';
import { podSpecOf, podStatusOf } from '../controllers/workload-objects.js';
import type { StagingNode } from '../node/staging-node.js';
import { readsCaAnnotation } from '../objects-workloads.js';
import { timings } from '../timings.js';
import { type AskingCounters, type AskingPod, askAsPod } from './pod-asking.js';
import { podStatus } from './pod-status.js';

/** What a pod holds in memory, for a snapshot of the cluster. */
export interface PodMemory {
  readonly uid: string;
  readonly containerId: string;
  readonly startedAtMs: number;
  readonly restarts: number;
  readonly caPem: string;
  readonly token: string;
}

export interface WorkloadPods {
  /** A kubelet looks after them: `object` is one of its node as the API has it. */
  attend(kube: KubeCalls, log: (line: string) => void): void;
  seen(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: StoredObject): void;
  /** All of the node that the API has: what is not among them was deleted while nobody looked. */
  settle(uids: ReadonlySet<string>): void;
  leave(): void;
  /** The node has lost its power: what they held is gone, and they start anew. */
  cut(): void;
  memory(): readonly PodMemory[];
  logOf(namespace: string, pod: string): readonly string[] | undefined;
  objects(): readonly StoredObject[];
  asking(): number;
}

interface Pod {
  object: StoredObject;
  state: 'starting' | 'running' | 'ending';
  memory: PodMemory | undefined;
  asking: AskingPod | undefined;
  log: string[];
  restarts: number;
}

export interface WorkloadPodsOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly now: () => number;
  readonly counters: AskingCounters;
  /** Milliseconds of the wall clock between two requests of a pod, and the share of pods that ask, 0 to 1. */
  readonly pace: { readonly everyMs: number; readonly share: number };
  readonly memory: readonly PodMemory[];
}

/** Tokens live 3607 s and are refreshed at 80 % of that (k/k pkg/kubelet/token/token_manager.go requiresRefresh). */
const tokenSeconds = 3607;

export function createWorkloadPods(options: WorkloadPodsOptions): WorkloadPods {
  const { context, node, now, counters, pace } = options;
  const { clock } = context;
  const pods = new Map<string, Pod>();
  const remembered = new Map(options.memory.map((one) => [one.uid, one]));
  const tokens = new Map<string, { token: string; untilMs: number }>();
  let attended: { readonly kube: KubeCalls; readonly log: (line: string) => void } | undefined;
  let stopVolumes: () => void = () => undefined;

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
    pod.object = object;
    if (object.metadata.deletionTimestamp !== undefined && pod.state !== 'ending') {
      pod.state = 'ending';
      clock.after(timings.podStopMs, () => void end(object));
    } else if (pod.state === 'running' && !isTold(pod)) void tell(pod);
  }

  function begin(object: StoredObject): void {
    const { uid } = object.metadata;
    const memory = remembered.get(uid);
    remembered.delete(uid);
    const pod: Pod = { object, state: 'starting', memory, asking: undefined, log: [], restarts: memory?.restarts ?? 0 };
    pods.set(uid, pod);
    if (memory !== undefined) run(pod, memory);
    else clock.after(timings.podStartMs, () => void start(pod));
  }

  /** Volumes first: without ca.crt or a token a pod does not start. */
  async function start(pod: Pod): Promise<void> {
    const { uid, namespace = '' } = pod.object.metadata;
    if (pods.get(uid) !== pod || pod.state !== 'starting' || attended === undefined) return;
    try {
      const isMounted = mountsToken(pod.object);
      const caPem = isMounted ? await publishedCa(namespace) : '';
      const token = isMounted ? await tokenFor(pod.object) : '';
      if (pods.get(uid) !== pod || pod.state !== 'starting') return;
      run(pod, { uid, containerId: randomBytes(32).toString('hex'), startedAtMs: now(), restarts: pod.restarts, caPem, token });
    } catch (error) {
      attended?.log(`"Error syncing pod, skipping" err="unmounted volumes: ${textOf(error)}" pod="${keyOf(namespace, pod.object.metadata.name)}"`);
      clock.after(2000, () => void start(pod));
    }
  }

  function run(pod: Pod, memory: PodMemory): void {
    pod.memory = memory;
    pod.state = 'running';
    pod.log.push(`started, ca.crt ${fingerprint(memory.caPem)}`);
    if (memory.caPem !== '' && isChosen(memory.uid)) {
      const { address, port } = context.spec.loadBalancer;
      pod.asking = askAsPod({ clock, server: `https://${address}:${port}`, caPem: memory.caPem, token: () => pod.memory?.token ?? '', everyMs: pace.everyMs, counters });
    }
    void tell(pod);
  }

  async function tell(pod: Pod): Promise<void> {
    const { memory, object } = pod;
    if (attended === undefined || memory === undefined) return;
    const { namespace, name } = object.metadata;
    try {
      await attended.kube.patch('Pod', { namespace, name, subresource: 'status' }, { metadata: { uid: object.metadata.uid }, status: statusOf(pod, memory) });
    } catch (error) {
      attended?.log(`"Failed to update status for pod" pod="${keyOf(namespace, name)}" err="${textOf(error)}"`);
      if (pods.get(memory.uid) === pod) clock.after(2000, () => (pod.state === 'running' && !isTold(pod) ? void tell(pod) : undefined));
    }
  }

  function statusOf(pod: Pod, memory: PodMemory): Readonly<Record<string, unknown>> {
    const isHost = podSpecOf(pod.object).hostNetwork === true;
    return podStatus({
      hostIp: node.address,
      podIp: isHost ? node.address : podIp(memory.uid),
      startedAtMs: memory.startedAtMs,
      nowMs: now(),
      containers: (podSpecOf(pod.object).containers ?? []).map((container) => ({
        name: container.name,
        image: container.image ?? '',
        id: memory.containerId,
        startedAtMs: memory.startedAtMs,
        restarts: memory.restarts,
        state: 'running',
        isReady: true,
      })),
    });
  }

  async function end(object: StoredObject): Promise<void> {
    const { uid, namespace, name } = object.metadata;
    pods.get(uid)?.asking?.stop();
    if (attended === undefined) return;
    try {
      await attended.kube.remove('Pod', { namespace, name }, { uid, graceSeconds: 0 });
    } catch (error) {
      attended?.log(`"Failed to delete status for pod" pod="${keyOf(namespace, name)}" err="${textOf(error)}"`);
      clock.after(2000, () => void end(object));
    }
  }

  function forget(uid: string, pod: Pod): void {
    pod.asking?.stop();
    pods.delete(uid);
    tokens.delete(uid);
  }

  async function publishedCa(namespace: string): Promise<string> {
    const map = await attended?.kube.get('ConfigMap', { namespace, name: 'kube-root-ca.crt' });
    const pem = (map?.data as Readonly<Record<string, string>> | undefined)?.['ca.crt'];
    if (pem === undefined) throw new Error('configmap "kube-root-ca.crt" not found');
    return pem;
  }

  async function tokenFor(object: StoredObject): Promise<string> {
    const { uid, namespace, name } = object.metadata;
    const cached = tokens.get(uid);
    if (cached !== undefined && clock.now() < cached.untilMs) return cached.token;
    const account = podSpecOf(object).serviceAccountName ?? 'default';
    const made = await attended?.kube.create(
      'ServiceAccount',
      { namespace, name: account, subresource: 'token' },
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        metadata: {},
        spec: { expirationSeconds: tokenSeconds, audiences: [], boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
      },
    );
    const token = (made?.status as { readonly token?: string } | undefined)?.token;
    if (token === undefined) throw new Error(`no token for ${namespace ?? ''}/${account}`);
    tokens.set(uid, { token, untilMs: clock.now() + (tokenSeconds * 800) / clock.speed });
    return token;
  }

  /** Volumes are brought up to date each minute: libraries re-read tokens, ca.crt only where they can (V, T1, R). */
  async function refresh(): Promise<void> {
    const published = new Map<string, string>();
    for (const pod of [...pods.values()]) {
      const { memory, object } = pod;
      if (attended === undefined || memory === undefined || memory.caPem === '' || pod.state !== 'running') continue;
      const namespace = object.metadata.namespace ?? '';
      try {
        const token = await tokenFor(object);
        const isFollowing = object.metadata.annotations?.[readsCaAnnotation] === 'reload';
        if (isFollowing && !published.has(namespace)) published.set(namespace, await publishedCa(namespace));
        const caPem = isFollowing ? (published.get(namespace) ?? memory.caPem) : memory.caPem;
        pod.memory = { ...memory, token, caPem };
        if (caPem === memory.caPem) continue;
        pod.log.push(`reloaded, ca.crt ${fingerprint(caPem)}`);
        pod.asking?.loadCa(caPem);
      } catch (error) {
        attended?.log(`"MountVolume.SetUp failed" pod="${keyOf(namespace, object.metadata.name)}" err="${textOf(error)}"`);
      }
    }
  }

  function isChosen(uid: string): boolean {
    return pace.share >= 1 || createHash('sha256').update(uid).digest().readUInt32BE(0) / 2 ** 32 < pace.share;
  }

  function isTold(pod: Pod): boolean {
    const told = (pod.object.status as { readonly containerStatuses?: readonly { readonly containerID?: string; readonly ready?: boolean }[] } | undefined)?.containerStatuses?.[0];
    const isReady = podStatusOf(pod.object).conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
    return pod.memory !== undefined && told?.containerID === `containerd://${pod.memory.containerId}` && isReady;
  }

  return {
    seen,
    attend(kube, log) {
      attended = { kube, log };
      // A kubelet that starts has no tokens: all pods get new ones at the next look at their volumes.
      tokens.clear();
      let isBusy = false;
      stopVolumes = clock.every(timings.volumeSyncMs, () => {
        if (isBusy) return;
        isBusy = true;
        void refresh().finally(() => {
          isBusy = false;
        });
      });
      for (const pod of pods.values()) if (pod.state === 'starting') void start(pod);
    },
    settle(uids) {
      for (const [uid, pod] of [...pods]) if (!uids.has(uid)) forget(uid, pod);
    },
    leave() {
      attended = undefined;
      stopVolumes();
    },
    cut() {
      stopVolumes();
      attended = undefined;
      for (const pod of pods.values()) {
        pod.asking?.stop();
        pod.asking = undefined;
        pod.memory = undefined;
        if (pod.state === 'running') pod.state = 'starting';
        pod.restarts++;
      }
      tokens.clear();
    },
    memory: () => [...pods.values()].flatMap((pod) => (pod.memory === undefined ? [] : [pod.memory])),
    logOf: (namespace, name) => [...pods.values()].find(({ object }) => object.metadata.namespace === namespace && object.metadata.name === name)?.log,
    objects: () => [...pods.values()].map((pod) => pod.object),
    asking: () => [...pods.values()].filter((pod) => pod.asking !== undefined).length,
  };
}

function mountsToken(pod: StoredObject): boolean {
  return JSON.stringify(podSpecOf(pod).volumes ?? []).includes('"kube-root-ca.crt"');
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
