/** What the pods of the cluster have felt. */

import type { Kubelet, PodCounters } from './kubelet/kubelet.js';

export function countersOf(kubelets: readonly Kubelet[]): PodCounters {
  const byReason: Record<string, number> = {};
  let [asking, requests, failures] = [0, 0, 0];
  for (const kubelet of kubelets) {
    const one = kubelet.podCounters();
    asking += one.asking;
    requests += one.requests;
    failures += one.failures;
    for (const [reason, count] of Object.entries(one.byReason)) byReason[reason] = (byReason[reason] ?? 0) + count;
  }
  return { asking, requests, failures, byReason };
}
