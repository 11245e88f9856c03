/** kube-scheduler of one control plane: binds pods to nodes while it leads. */

import type { StoredObject } from '../api/store.js';
import type { ComponentStart, RunningComponent, StartComponent } from '../component.js';
import { createClient } from '../client/create-client.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import { pollPair } from '../client/poll-pair.js';
import { kubernetesBundle } from '../api/cert-files.js';
import { certPool, type CertPool } from '../api/verify-client.js';
import { timings } from '../timings.js';
import { kubeCalls } from './kube-calls.js';
import { takePart } from './leader-election.js';
import { fits, readyOf } from './node-rules.js';
import { keyOf, watchObjects } from './object-cache.js';
import { openSecurePort } from './secure-port.js';
import { isActive, podSpecOf } from './workload-objects.js';
import { createWorkQueue } from './work-queue.js';

const port = 10259;

/** The pod that is bound next: the most important one, then the oldest. undefined: none waits. */
export function nextPod(pods: readonly StoredObject[]): StoredObject | undefined {
  const [first] = pods
    .filter((pod) => podSpecOf(pod).nodeName === undefined && isActive(pod) && (podSpecOf(pod).schedulerName ?? 'default-scheduler') === 'default-scheduler')
    .sort((a, b) => (podSpecOf(b).priority ?? 0) - (podSpecOf(a).priority ?? 0) || a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp));
  return first;
}

/** The node with the fewest pods of the same owner, then the fewest pods at all. undefined: none fits. */
export function chooseNode(pod: StoredObject, nodes: readonly StoredObject[], pods: readonly StoredObject[]): string | undefined {
  const possible = nodes.filter((node) => readyOf(node) === 'True' && fits(podSpecOf(pod), node));
  // A pod of a DaemonSet is bound to one node: no other pod counts.
  if (possible.length < 2) return possible[0]?.metadata.name;
  const owner = pod.metadata.ownerReferences?.[0]?.uid;
  const load = new Map<string, { own: number; all: number }>();
  for (const other of pods) {
    const { nodeName } = podSpecOf(other);
    if (nodeName === undefined || !isActive(other)) continue;
    const there = load.get(nodeName) ?? { own: 0, all: 0 };
    load.set(nodeName, { own: there.own + (owner !== undefined && other.metadata.ownerReferences?.[0]?.uid === owner ? 1 : 0), all: there.all + 1 });
  }
  const of = (node: StoredObject): { own: number; all: number } => load.get(node.metadata.name) ?? { own: 0, all: 0 };
  const isBetter = (a: StoredObject, b: StoredObject): boolean => (of(a).own - of(b).own || of(a).all - of(b).all || a.metadata.name.localeCompare(b.metadata.name)) < 0;
  return possible.reduce((best, node) => (isBetter(node, best) ? node : best)).metadata.name;
}

/** Throws what the real one logs before it exits: a kubeconfig that cannot be read, a port that is taken. */
export const startScheduler: StartComponent = async (start: ComponentStart): Promise<RunningComponent> => {
  const { context, node, process, flags, log } = start;
  const { clock } = context;
  const now = (): number => clock.now() + node.skewMs;
  const path = flags.kubeconfig ?? '';
  const text = process.read(path);
  if (text === undefined) throw new Error(`open ${path}: no such file or directory`);
  const loaded = readStagingKubeconfig(text.toString('utf8'), (file) => process.read(file));
  const undo: (() => Promise<void> | void)[] = [];
  let clientCa: CertPool | undefined;
  const listener = await openSecurePort({
    address: node.address,
    port,
    clientCa: () => clientCa,
    now,
    metrics: () => `leader_election_master_status{name="kube-scheduler"} ${election.isLeading ? 1 : 0}\n`,
  });
  undo.push(() => listener.close());
  process.listens(port);
  log(`"Starting Kubernetes Scheduler" version="${context.spec.version}"`);
  log(`Serving securely on ${node.address}:${port}`);

  const client = createClient(loaded, { clock, localAddress: node.address });
  undo.push(() => client.close());
  undo.push(pollPair(client, loaded.pair, clock));
  // W: what the API servers have put together (apiserver: configmap_cafile_content.go). Without it no certificate is accepted.
  undo.push(
    client.inform(
      '/api/v1/namespaces/kube-system/configmaps',
      {
        onObject(type, object) {
          const { metadata, data } = object as { readonly metadata?: { readonly name?: string }; readonly data?: Readonly<Record<string, string>> };
          const pem = data?.['client-ca-file'];
          if (metadata?.name === 'extension-apiserver-authentication' && type !== 'DELETED' && pem !== undefined) clientCa = certPool(kubernetesBundle(pem));
        },
        onTrouble: (trouble) => log(`"Failed to watch" type="*v1.ConfigMap" err="${trouble}"`),
      },
      'fieldSelector=metadata.name%3Dextension-apiserver-authentication',
    ),
  );

  let end: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const act of undo.splice(0).reverse()) await act();
    })();
    return closing;
  };

  const election = takePart({
    kube: kubeCalls(client, Math.max(timings.leaseRenewDeadlineMs / 2 / clock.speed, 2_000)),
    clock,
    now,
    nodeName: node.name,
    lease: 'kube-scheduler',
    log,
    onLead: () => undo.push(schedule()),
    onLost: () => void close().then(() => end('leaderelection lost')),
  });
  undo.push(() => election.stop());

  /** Binds until it is stopped. */
  function schedule(): () => void {
    const kube = kubeCalls(client);
    const onTrouble = (trouble: string): void => log(`"Failed to watch" err="${trouble}"`);
    const pods = watchObjects(client, 'Pod', { onTrouble });
    const nodes = watchObjects(client, 'Node', { onTrouble });
    const hopeless = new Set<string>();
    const queue = createWorkQueue({
      clock,
      onTrouble: (trouble) => log(`"Error scheduling pod" err="${trouble}"`),
      async act() {
        if (!pods.isSynced || !nodes.isSynced) return false;
        const pod = nextPod(pods.list().filter((one) => !hopeless.has(one.metadata.uid)));
        if (pod === undefined) return false;
        const { namespace, name, uid } = pod.metadata;
        const chosen = chooseNode(pod, nodes.list(), pods.list());
        queue.add('next');
        if (chosen === undefined) {
          hopeless.add(uid);
          log(`"Unable to schedule pod; no fit; waiting" pod="${keyOf(namespace, name)}"`);
          return false;
        }
        const target = { apiVersion: 'v1', kind: 'Node', name: chosen };
        await kube.create('Pod', { namespace, name, subresource: 'binding' }, { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target });
        pods.remember({ ...pod, spec: { ...(pod.spec as object), nodeName: chosen } });
        return true;
      },
    });
    const again = (): void => {
      hopeless.clear();
      queue.add('next');
    };
    pods.onChange((type, pod) => {
      if (type === 'DELETED') again();
      else if (podSpecOf(pod).nodeName === undefined) queue.add('next');
    });
    const shapes = new Map<string, string>();
    nodes.onChange((_, changed) => {
      const shape = JSON.stringify([readyOf(changed), changed.spec, changed.metadata.labels]);
      if (shapes.get(changed.metadata.name) === shape) return;
      shapes.set(changed.metadata.name, shape);
      again();
    });
    pods.onSynced(() => nodes.onSynced(again));
    const stopRetry = clock.every(60_000, again);
    return () => {
      stopRetry();
      queue.stop();
      pods.stop();
      nodes.stop();
    };
  }

  return { stop: close, ended };
};
