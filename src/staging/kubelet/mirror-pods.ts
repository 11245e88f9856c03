/** Mirror pods: what the API shows of static pods. Deleting one restarts nothing; it is made again (k/k pkg/kubelet/pod/mirror_client.go). */

import type { StoredObject } from '../api/store.js';
import type { StagingContext } from '../component.js';
import { ApiRefusal, type KubeCalls } from '../controllers/kube-calls.js';
import type { StagingNode } from '../node/staging-node.js';
import { podStatus } from './pod-status.js';
import type { StaticPod } from './static-pod.js';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const hashAnnotation = 'kubernetes.io/config.hash';

export function isMirror(pod: Pick<StoredObject, 'metadata'>): boolean {
  return pod.metadata.annotations?.[mirrorAnnotation] !== undefined;
}

export function mirrorName(pod: StaticPod, node: string): string {
  return `${pod.manifest.name}-${node}`;
}

export interface MirrorPods {
  /** Brings the API to what runs: called whenever something has changed. */
  sync(): void;
  stop(): void;
}

export interface MirrorPodsOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly kube: KubeCalls;
  readonly pods: () => readonly StaticPod[];
  /** Mirror pods of this node as the API has them. */
  readonly mirrors: () => readonly StoredObject[];
  /** undefined: the node is not registered yet. */
  readonly nodeUid: () => string | undefined;
  readonly now: () => number;
  readonly log: (line: string) => void;
}

export function keepMirrorPods(options: MirrorPodsOptions): MirrorPods {
  const { context, node, kube, log } = options;
  let isRunning = false;
  let isAsked = false;
  let isStopped = false;
  let trouble = '';

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (isAsked && !isStopped) {
      isAsked = false;
      try {
        await syncOnce();
        trouble = '';
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (text !== trouble && !isStopped) log(`"Failed creating a mirror pod" err="${text}"`);
        trouble = text;
        context.clock.after(2000, sync);
      }
    }
    isRunning = false;
  }

  async function syncOnce(): Promise<void> {
    const nodeUid = options.nodeUid();
    if (nodeUid === undefined) return;
    const wanted = new Map(options.pods().map((pod) => [`${pod.manifest.namespace}/${mirrorName(pod, node.name)}`, pod]));
    const found = new Map(options.mirrors().map((mirror) => [`${mirror.metadata.namespace ?? ''}/${mirror.metadata.name}`, mirror]));
    for (const [key, mirror] of found) {
      const pod = wanted.get(key);
      // One of another definition, or one that somebody is deleting, goes at once.
      if (pod !== undefined && mirror.metadata.annotations?.[hashAnnotation] === pod.manifest.uid && mirror.metadata.deletionTimestamp === undefined) continue;
      await kube.remove('Pod', { namespace: mirror.metadata.namespace, name: mirror.metadata.name }, { uid: mirror.metadata.uid, graceSeconds: 0 });
      found.delete(key);
    }
    for (const [key, pod] of wanted) {
      const status = statusOf(pod);
      let mirror = found.get(key);
      if (mirror === undefined) {
        try {
          mirror = await create(pod, nodeUid);
        } catch (error) {
          if (!(error instanceof ApiRefusal && error.status === 409)) throw error;
          continue;
        }
      }
      if (isTold(mirror, status)) continue;
      await kube.patch('Pod', { namespace: pod.manifest.namespace, name: mirrorName(pod, node.name), subresource: 'status' }, { status });
    }
  }

  function create(pod: StaticPod, nodeUid: string): Promise<StoredObject> {
    const { manifest } = pod;
    const { metadata, spec } = manifest.pod;
    const annotations = {
      ...(metadata.annotations as Readonly<Record<string, string>> | undefined),
      [hashAnnotation]: manifest.uid,
      [mirrorAnnotation]: manifest.uid,
      'kubernetes.io/config.seen': new Date(options.now()).toISOString(),
      'kubernetes.io/config.source': 'file',
    };
    const ownerReferences = [{ apiVersion: 'v1', controller: true, kind: 'Node', name: node.name, uid: nodeUid }];
    return kube.create(
      'Pod',
      { namespace: manifest.namespace },
      {
        metadata: { ...metadata, name: mirrorName(pod, node.name), namespace: manifest.namespace, annotations, ownerReferences },
        spec: { ...spec, nodeName: node.name, tolerations: [{ effect: 'NoExecute', operator: 'Exists' }] },
      },
    );
  }

  function statusOf(pod: StaticPod): Readonly<Record<string, unknown>> {
    const { container, manifest } = pod;
    return podStatus({
      hostIp: node.address,
      podIp: node.address,
      startedAtMs: pod.startedAtMs,
      nowMs: options.now(),
      containers: [
        {
          name: manifest.container,
          image: manifest.image,
          id: container?.id ?? '',
          startedAtMs: container?.startedAtMs ?? 0,
          restarts: pod.restarts,
          state: container === undefined ? 'waiting' : container.isEnded ? 'crashed' : 'running',
          isReady: container?.isReady ?? false,
        },
      ],
    });
  }

  function sync(): void {
    isAsked = true;
    void run();
  }

  return {
    sync,
    stop() {
      isStopped = true;
    },
  };
}

/** Same container in the same state, and nobody else has said otherwise: the node lifecycle controller marks pods of a silent node (status_manager.go needsReconcile). */
function isTold(mirror: StoredObject, status: Readonly<Record<string, unknown>>): boolean {
  const of = (value: unknown): string => {
    const { conditions = [], containerStatuses = null } = (value ?? {}) as { readonly conditions?: readonly Condition[]; readonly containerStatuses?: unknown };
    return JSON.stringify([conditions.map(({ type, status: is }) => `${type} ${is}`).sort(), containerStatuses]);
  };
  return of(mirror.status) === of(status);
}

interface Condition {
  readonly type: string;
  readonly status: string;
}
