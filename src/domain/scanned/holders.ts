/** Workloads whose pods have a CA in memory, and why that is known. Pure. */

import type { CertificateRecord, Inventory, PodHolder } from '../cluster/inventory.js';
import type { Authority } from './authorities.js';

export interface HolderRow {
  /** `NAMESPACE/KIND/NAME` of what makes the pods; of a pod that nothing makes its own name. */
  readonly workload: string;
  readonly pods: number;
  /** Of the pod that has run the longest, Unix time in ms. */
  readonly oldestMs: number;
  readonly mounts: readonly string[];
  readonly tokens: readonly PodHolder['token'][];
  /** CAs that are in what it mounts. */
  readonly holds: readonly CertificateRecord[];
  /** Pods that were started before an incoming CA began: unless they read again, they have only the outgoing one. */
  readonly beforeIncoming: number;
}

export function holdersOf(inventory: Inventory, authorities: readonly Authority[]): HolderRow[] {
  const cas = new Map(authorities.map((authority) => [authority.record.fingerprint, authority]));
  const held = new Map<string, CertificateRecord[]>();
  for (const { kind, namespace, name, certificates } of inventory.objects) {
    const key = `${namespace}/${kind} ${name}`;
    held.set(key, [...(held.get(key) ?? []), ...certificates.filter(({ isCa }) => isCa)]);
  }
  const groups = new Map<string, PodHolder[]>();
  for (const pod of (inventory.pods ?? []).filter(({ mounts }) => mounts.length > 0)) {
    const workload = `${pod.namespace}/${pod.owner === '' ? `Pod/${pod.name}` : pod.owner}`;
    groups.set(workload, [...(groups.get(workload) ?? []), pod]);
  }
  return [...groups].map(([workload, pods]) => {
    const holds = [
      ...new Map(pods.flatMap(({ namespace, mounts }) => mounts.flatMap((mount) => held.get(`${namespace}/${mount}`) ?? [])).map((one) => [one.fingerprint, one])).values(),
    ];
    const begun = holds.filter(({ fingerprint }) => cas.get(fingerprint)?.generation === 'incoming').map(({ notBeforeMs }) => notBeforeMs);
    return {
      workload,
      pods: pods.length,
      oldestMs: Math.min(...pods.map(({ startedAtMs }) => startedAtMs)),
      mounts: [...new Set(pods.flatMap(({ mounts }) => mounts))].toSorted(),
      tokens: [...new Set(pods.map(({ token }) => token))].toSorted(),
      holds,
      beforeIncoming: pods.filter(({ startedAtMs }) => begun.some((beginning) => startedAtMs < beginning)).length,
    };
  });
}
