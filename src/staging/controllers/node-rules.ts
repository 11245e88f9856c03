/** Nodes as controllers and scheduler judge them: Ready, taints, and what may run where. */

import type { StoredObject } from '../api/store.js';
import { type NodeTerm, type PodSpec, podStatusOf, type Taint, tolerates, type Toleration } from './workload-objects.js';

export function taintsOf(node: StoredObject): readonly Taint[] {
  return (node.spec as { readonly taints?: readonly Taint[] } | undefined)?.taints ?? [];
}

export function readyOf(node: StoredObject): 'True' | 'False' | 'Unknown' {
  const condition = podStatusOf(node).conditions?.find((one) => one.type === 'Ready');
  return condition?.status === 'True' ? 'True' : condition?.status === 'False' ? 'False' : 'Unknown';
}

/** May the pod be put there now? `hard` taints are those that its tolerations do not cover. */
export function fits(pod: PodSpec, node: StoredObject): boolean {
  const spec = (node.spec ?? {}) as { readonly unschedulable?: boolean };
  if (spec.unschedulable === true && tolerates(pod.tolerations, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }) === undefined) return false;
  const isRefused = taintsOf(node).some((taint) => taint.effect !== 'PreferNoSchedule' && tolerates(pod.tolerations, taint) === undefined);
  return !isRefused && matchesNode(pod, node);
}

/** By its own wishes, taints aside. */
export function matchesNode(pod: PodSpec, node: StoredObject): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(pod.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const terms = pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => (term.matchFields ?? []).every((field) => field.key !== 'metadata.name' || (field.values ?? []).includes(node.metadata.name)));
}

/** What a DaemonSet pod bears (k/k pkg/controller/daemon/util AddOrUpdateDaemonPodTolerations). */
export const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];

export function onlyOn(node: string): { readonly nodeAffinity: { readonly requiredDuringSchedulingIgnoredDuringExecution: { readonly nodeSelectorTerms: readonly NodeTerm[] } } } {
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] } } };
}

export function nodeOfDaemonPod(spec: PodSpec): string | undefined {
  const [term] = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return spec.nodeName ?? term?.matchFields?.find((field) => field.key === 'metadata.name')?.values?.[0];
}
