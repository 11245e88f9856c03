/** When a staging cluster counts as settled: what an operator would look at before touching it. */

import type { StoredObject } from './api/store.js';
import type { StagingContext } from './component.js';
import { namespacesOf } from './objects-cluster.js';
import { controlPlanes } from './pki/component-flags.js';
import { timings } from './timings.js';

/** Wall clock: a cluster with expired certificates never gets ready, and is given as it is once nothing has come to it for so long. */
const patienceMs = 60_000;
/** Of a machine that is busy with much else, as long as something still comes. */
const longestMs = 300_000;
/** A look goes over all objects: with hundreds of nodes it is not to be what the start waits for. */
const lookEveryMs = (nodes: number): number => Math.max(50, nodes * 2);

/** Resolves with what is still missing, in words; empty when nothing is. */
export async function waitUntilReady(context: StagingContext): Promise<string[]> {
  const isGivenUp = giveUp();
  for (;;) {
    const missing = missingIn(context);
    if (missing.length === 0 || isGivenUp(missing)) return missing;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs(context.spec.nodes.length)));
  }
}

/** After all nodes were off: what the objects say is of before, until kubelets and leaders have been heard of again. */
export async function waitUntilBack(parts: { readonly context: StagingContext; readonly balancer: { healthy(): readonly string[] } }, sinceMs: number): Promise<string[]> {
  const { context, balancer } = parts;
  const isGivenUp = giveUp();
  const pauseMs = lookEveryMs(context.spec.nodes.length);
  for (let inARow = 0; ; ) {
    const missing = [...unheard(context, balancer.healthy(), sinceMs), ...missingIn(context)];
    inARow = missing.length === 0 ? inARow + 1 : 0;
    // Twice, with a health check between: the load balancer may not have seen yet that a server was away.
    if (inARow > timings.healthCheckMs / pauseMs + 1 || isGivenUp(missing)) return missing;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Whether to wait on: as long as the list of what is missing still gets shorter than it ever was. */
function giveUp(): (missing: readonly string[]) => boolean {
  const startedMs = Date.now();
  let fewest = Number.POSITIVE_INFINITY;
  let shorterMs = startedMs;
  return (missing) => {
    const nowMs = Date.now();
    if (missing.length < fewest) [fewest, shorterMs] = [missing.length, nowMs];
    return nowMs - shorterMs > patienceMs || nowMs - startedMs > longestMs;
  };
}

function unheard({ store, spec }: StagingContext, healthy: readonly string[], sinceMs: number): string[] {
  const isHeardOf = (namespace: string, name: string): boolean => {
    const lease = store.get({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name });
    return Date.parse((lease?.spec as { readonly renewTime?: string } | undefined)?.renewTime ?? '') > sinceMs;
  };
  return [
    ...spec.nodes.filter(({ name }) => !isHeardOf('kube-node-lease', name)).map(({ name }) => `the kubelet of ${name} has not been heard of`),
    ...['kube-controller-manager', 'kube-scheduler'].filter((name) => !isHeardOf('kube-system', name)).map((name) => `no ${name} leads`),
    ...controlPlanes(spec)
      .filter(({ name }) => !healthy.includes(name))
      .map(({ name }) => `the load balancer does not count ${name}`),
  ];
}

function missingIn({ store, spec }: StagingContext): string[] {
  const of = (apiVersion: string, kind: string): StoredObject[] => store.list({ apiVersion, kind });
  const ready = new Set(
    of('v1', 'Node')
      .filter(isTrue('Ready'))
      .map(({ metadata }) => metadata.name),
  );
  const nodes = spec.nodes.filter(({ name }) => !ready.has(name)).map(({ name }) => `node ${name} is not Ready`);
  const published = new Set(
    of('v1', 'ConfigMap')
      .filter(({ metadata }) => metadata.name === 'kube-root-ca.crt')
      .map(({ metadata }) => metadata.namespace),
  );
  const namespaces = namespacesOf(spec)
    .filter((name) => !published.has(name))
    .map((name) => `kube-root-ca.crt is not in ${name}`);
  const tokens = of('v1', 'Secret')
    .filter(({ type, data }) => type === 'kubernetes.io/service-account-token' && (data as Record<string, string> | undefined)?.token === undefined)
    .map(({ metadata }) => `token Secret ${metadata.namespace ?? ''}/${metadata.name} is empty`);
  const workloads = [...of('apps/v1', 'Deployment'), ...of('apps/v1', 'StatefulSet'), ...of('apps/v1', 'DaemonSet')]
    .filter((object) => !isComplete(object))
    .map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name} is not complete`);
  const pods = of('v1', 'Pod');
  // Units are no pods.
  const mirrors = spec.nodes
    .filter(({ roles }) => spec.layout !== 'hard-way' && roles.includes('control-plane'))
    .flatMap(({ name }) => ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((component) => `${component}-${name}`))
    .filter((name) => !pods.some((pod) => pod.metadata.name === name && isTrue('Ready')(pod)))
    .map((name) => `pod ${name} is not Ready`);
  const trust = store.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'extension-apiserver-authentication' });
  return [...nodes, ...mirrors, ...namespaces, ...tokens, ...workloads, ...(trust === undefined ? ['extension-apiserver-authentication is not there'] : [])];
}

function isTrue(condition: string): (object: StoredObject) => boolean {
  return ({ status }) =>
    ((status as { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } | undefined)?.conditions ?? []).some(
      (one) => one.type === condition && one.status === 'True',
    );
}

function isComplete({ kind, spec, status }: StoredObject): boolean {
  const told = (status ?? {}) as Readonly<Record<string, number | undefined>>;
  if (kind === 'DaemonSet') return (told.desiredNumberScheduled ?? 0) > 0 && (told.numberReady ?? 0) >= (told.desiredNumberScheduled ?? 0);
  return (told.readyReplicas ?? 0) >= Number((spec as { readonly replicas?: number }).replicas ?? 1);
}
