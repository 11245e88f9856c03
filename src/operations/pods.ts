/** Pods that loaded the published bundle at their start, and what makes them anew. */

import type { KubeObject } from '../ports/kube.js';
import type { Site } from '../ports/step-kind.js';
import type { Publication } from './publication.js';
import { limitsOf } from './waiting.js';

export interface Pod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly hostNetwork: boolean;
  readonly startedAtMs: number;
  readonly owner: { readonly kind: string; readonly name: string } | undefined;
}

export interface Workload {
  readonly kind: 'Deployment' | 'StatefulSet' | 'DaemonSet';
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly pods: number;
}

interface PodSpec {
  readonly nodeName?: string;
  readonly priority?: number;
  readonly hostNetwork?: boolean;
  readonly volumes?: readonly {
    readonly name: string;
    readonly projected?: { readonly sources?: readonly { readonly configMap?: { readonly name?: string } }[] };
    readonly secret?: { readonly secretName?: string };
    readonly configMap?: { readonly name?: string };
  }[];
  readonly containers?: readonly { readonly name: string; readonly volumeMounts?: readonly { readonly name: string }[] }[];
}

/**
 * How long after publication a container of an earlier pod may still have read what was there before: the kubelet refreshes volumes
 * within 90 s (V), and start times are those of the node, whose clock may differ from ours by 60 s.
 */
const volumeDelayMs = 150_000;

/**
 * Running pods with a container that mounts the published CA and that may have read it before the publication. Pods without the mount
 * never read it; a pod that was made after the publication has read what was published, whatever the clocks say.
 */
export async function podsHoldingEarlierTrust(site: Pick<Site, 'access' | 'signal' | 'deadlineAtMs' | 'now'>, published: Publication): Promise<Pod[]> {
  const call = limitsOf(site, 20_000);
  const kube = site.access.kube();
  const [objects, sets, secrets] = await Promise.all([
    kube.list({ apiVersion: 'v1', kind: 'Pod' }, call),
    kube.list({ apiVersion: 'apps/v1', kind: 'ReplicaSet' }, call),
    kube.list({ apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token' }, call),
  ]);
  const deploymentOf = new Map(sets.map((s) => [`${s.metadata.namespace ?? ''}/${s.metadata.name}`, controllerOf(s)]));
  const tokenSecrets = new Set(secrets.map((s) => `${s.metadata.namespace ?? ''}/${s.metadata.name}`));
  return objects.flatMap((object) => {
    const spec = (object.spec ?? {}) as PodSpec;
    const namespace = object.metadata.namespace ?? '';
    const mounted = volumesWithTheCa(spec, (name) => tokenSecrets.has(`${namespace}/${name}`));
    const phase = (object.status as { phase?: string } | undefined)?.phase;
    if (mounted.size === 0 || phase === 'Succeeded' || phase === 'Failed' || object.metadata.deletionTimestamp !== undefined) return [];
    const startedAtMs = earliestStart(object, spec, mounted);
    if (startedAtMs === undefined || !isEarlier(object, startedAtMs, published)) return [];
    const direct = controllerOf(object);
    const owner = direct?.kind === 'ReplicaSet' ? (deploymentOf.get(`${namespace}/${direct.name}`) ?? direct) : direct;
    return [
      {
        uid: object.metadata.uid ?? '',
        namespace,
        name: object.metadata.name,
        node: spec.nodeName ?? '',
        labels: object.metadata.labels ?? {},
        priority: spec.priority ?? 0,
        hostNetwork: spec.hostNetwork ?? false,
        startedAtMs,
        owner,
      },
    ];
  });
}

function isEarlier(pod: KubeObject, startedAtMs: number, published: Publication): boolean {
  if (published.pods === undefined) return startedAtMs < published.atMs;
  return published.pods.has(pod.metadata.uid ?? '') && startedAtMs < published.atMs + volumeDelayMs;
}

/** Names of the volumes that hold kube-root-ca.crt or a token Secret's ca.crt. */
function volumesWithTheCa(spec: PodSpec, isTokenSecret: (name: string) => boolean): Set<string> {
  const holding = (spec.volumes ?? []).filter(
    (v) =>
      (v.projected?.sources ?? []).some((s) => s.configMap?.name === 'kube-root-ca.crt') ||
      v.configMap?.name === 'kube-root-ca.crt' ||
      (v.secret?.secretName !== undefined && isTokenSecret(v.secret.secretName)),
  );
  const names = new Set(holding.map((v) => v.name));
  const mounted = (spec.containers ?? []).flatMap((c) => (c.volumeMounts ?? []).map((m) => m.name));
  return new Set(mounted.filter((name) => names.has(name)));
}

function earliestStart(object: KubeObject, spec: PodSpec, volumes: ReadonlySet<string>): number | undefined {
  const mounting = new Set((spec.containers ?? []).filter((c) => (c.volumeMounts ?? []).some((m) => volumes.has(m.name))).map((c) => c.name));
  const statuses = (object.status as { containerStatuses?: { name: string; state?: { running?: { startedAt?: string } } }[] } | undefined)?.containerStatuses ?? [];
  const starts = statuses.filter((s) => mounting.has(s.name)).flatMap((s) => (s.state?.running?.startedAt === undefined ? [] : [Date.parse(s.state.running.startedAt)]));
  // startedAt has whole seconds: a container of the very second of publication counts as earlier.
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function controllerOf(object: KubeObject): { kind: string; name: string } | undefined {
  const owner = object.metadata.ownerReferences?.find((o) => o.controller === true);
  return owner === undefined ? undefined : { kind: owner.kind, name: owner.name };
}

/**
 * Workloads in tiers, one after the other: kube-proxy by itself, because agents of the network reach the API through it (the two of one
 * node wait for each other otherwise), then whatever else is on the host network, then cluster DNS and the rest of kube-system, then the
 * others by falling priority. `others`: pods that nothing makes anew.
 */
export function workloadsOf(pods: readonly Pod[]): { tiers: Workload[][]; others: string[] } {
  const workloads = new Map<string, Workload & { tier: number }>();
  const others: string[] = [];
  for (const pod of pods) {
    const kind = pod.owner?.kind;
    if (pod.owner === undefined || (kind !== 'Deployment' && kind !== 'StatefulSet' && kind !== 'DaemonSet')) {
      others.push(`${pod.namespace}/${pod.name}`);
      continue;
    }
    const key = `${kind} ${pod.namespace}/${pod.owner.name}`;
    const before = workloads.get(key);
    const tier = tierOf(pod);
    workloads.set(key, { kind, namespace: pod.namespace, name: pod.owner.name, labels: pod.labels, priority: pod.priority, pods: (before?.pods ?? 0) + 1, tier });
  }
  const levels = [...new Set([...workloads.values()].map((w) => w.tier))].sort((a, b) => b - a);
  const tiers = levels.map((level) => [...workloads.values()].filter((w) => w.tier === level).map(({ tier: _tier, ...w }) => w));
  return { tiers, others };
}

function tierOf(pod: Pod): number {
  if (pod.namespace === 'kube-system' && pod.owner?.name === 'kube-proxy') return Number.POSITIVE_INFINITY;
  if (pod.hostNetwork) return Number.MAX_VALUE;
  return pod.namespace === 'kube-system' ? Number.MAX_SAFE_INTEGER : pod.priority;
}
