/** Which pods and kubeconfigs there are to be asked. */

import type { Prober } from '../prober.js';

interface Pod {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly deletionTimestamp?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status: { readonly podIP?: string; readonly phase?: string };
}

interface SeenPod {
  readonly id: string;
  readonly name: string;
  readonly node: string;
  readonly ip: string;
  readonly isHostNetwork: boolean;
  /** The same for all pods of a workload. */
  readonly kin: string;
}

/** Asked for while all is well. */
export interface Place {
  readonly pods: readonly SeenPod[];
  readonly kubeconfigs: readonly { readonly node: string; readonly path: string }[];
}

export async function look(prober: Prober): Promise<Place> {
  const { status, body } = await prober.ask('/api/v1/pods');
  if (status !== 200) throw new Error(`the API server does not list pods (${status})`);
  const { items } = JSON.parse(body) as { items: Pod[] };
  const pods = items.filter(({ metadata, status: { phase } }) => metadata.deletionTimestamp === undefined && phase === 'Running').map(seenPod);
  return { pods, kubeconfigs: ['admin.conf', 'super-admin.conf'].map((name) => ({ node: prober.lab.controlPlanes[0]?.name ?? '', path: `/etc/kubernetes/${name}` })) };
}

function seenPod({ metadata, spec, status }: Pod): SeenPod {
  const labels = Object.entries(metadata.labels ?? {}).filter(([name]) => !/hash$|generation$/.test(name));
  return {
    id: `pod ${metadata.namespace}/${metadata.name}`,
    name: metadata.name,
    node: spec.nodeName ?? '',
    ip: status.podIP ?? '',
    isHostNetwork: spec.hostNetwork === true,
    kin: `${metadata.namespace} ${JSON.stringify(labels.sort())}`,
  };
}

/** As it is now: pods that were rolled have new names. `now`: id of a pod of before to that of the one in its place. */
export async function lookAgain(prober: Prober, before: Place): Promise<{ readonly place: Place; readonly now: ReadonlyMap<string, string> }> {
  // An API server that is down lists nothing, and nothing is rolled then.
  const place = await look(prober).catch(() => before);
  return { place, now: successors(before.pods, place.pods) };
}

export function successors(before: readonly Pick<SeenPod, 'id' | 'node' | 'kin'>[], after: readonly Pick<SeenPod, 'id' | 'node' | 'kin'>[]): Map<string, string> {
  const stay = new Set(before.map(({ id }) => id));
  const fresh = after.filter(({ id }) => !stay.has(id));
  const gone = before.filter(({ id }) => !after.some((one) => one.id === id));
  const now = new Map<string, string>();
  for (const pod of gone) {
    const kin = fresh.filter((one) => one.kin === pod.kin && ![...now.values()].includes(one.id));
    const next = kin.find(({ node }) => node === pod.node) ?? kin[0];
    if (next !== undefined) now.set(pod.id, next.id);
  }
  return now;
}
