/** What the pods of the cluster have felt. */

import type { StagingContext } from './component.js';
import type { Kubelet } from './kubelet/kubelet.js';
import type { PodCounters } from './kubelet/kubelet-parts.js';
import type { WorkloadSpec } from './spec.js';

/** Whether the programs of the applications went on, looked at again and again. */
export interface Serving {
  readonly workloads: number;
  readonly looks: number;
  /** "shop/reports": those of which at some look no pod ran. */
  readonly without: readonly string[];
}

/** Pods are looked for where they run, not in the API, which may be away. A workload counts from its first pod on. Returns what tells, and what ends it. */
export function watchServing(context: StagingContext, kubelets: readonly Kubelet[], everyWallMs: number): { read(): Serving; stop(): void } {
  // What runs on every node is no application, and a lone pod of a StatefulSet is away whenever it is replaced.
  const isApplication = ({ kind, replicas }: WorkloadSpec): boolean => kind === 'Deployment' || (kind === 'StatefulSet' && replicas > 1);
  const wanted = context.spec.workloads.filter(isApplication).map(({ namespace, name }) => `${namespace}/${name}`);
  const seen = new Set<string>();
  const without = new Set<string>();
  let looks = 0;
  const timer = setInterval(() => {
    looks += 1;
    const running = new Set(kubelets.flatMap((kubelet) => kubelet.runningPods()).map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.labels?.app ?? ''}`));
    for (const workload of wanted) {
      if (running.has(workload)) seen.add(workload);
      else if (seen.has(workload)) without.add(workload);
    }
  }, everyWallMs);
  return { read: () => ({ workloads: wanted.length, looks, without: [...without].sort() }), stop: () => clearInterval(timer) };
}

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
