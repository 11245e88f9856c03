/** Workloads of a staging cluster like those of one that was scanned: same kinds, names, replicas and priorities; in each pod a program of ours. */

import type { Inventory, WorkloadRecord } from '../domain/cluster/inventory.js';
import type { ClusterSpec, WorkloadSpec } from './spec.js';
import { systemWorkloads } from './topology.js';

/** For an inventory of before they were recorded: one program that feels a rotation. */
const standIn: WorkloadSpec = { kind: 'Deployment', namespace: 'rehearsal', name: 'program', replicas: 2, budget: 1, readsCa: 'once' };

/** Pods share the processors of one machine. */
const mostWorkloads = 60;
const mostReplicas = 5;

/** What could not be made alike becomes a line of `missing`. */
export function workloadsOf({ workloads }: Inventory, missing: string[]): Pick<ClusterSpec, 'workloads' | 'priorityClasses'> {
  if (workloads === undefined) {
    missing.push('workloads: this inventory does not hold them; kube-proxy, CoreDNS, a network agent and one program stand for them');
    return { workloads: [...systemWorkloads, standIn], priorityClasses: {} };
  }
  const made = [...workloads].sort((a, b) => rank(b) - rank(a)).slice(0, mostWorkloads);
  missing.push('workloads: in each pod a program of ours asks the API; without budgets, volumes, affinities and tolerations of their own');
  if (workloads.length > made.length) missing.push(`workloads: ${workloads.length - made.length} of ${workloads.length}, those of the lowest priority, are left out`);
  const large = made.filter(({ replicas }) => replicas > mostReplicas);
  if (large.length > 0)
    missing.push(`workloads: of more than ${mostReplicas} replicas ${mostReplicas} are made (${large.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')})`);
  return {
    workloads: made.map(({ kind, namespace, name, replicas, priorityClass }) => ({
      kind,
      namespace,
      name,
      replicas: Math.min(replicas, mostReplicas),
      readsCa: 'once',
      ...(priorityClass === undefined ? {} : { priorityClass: priorityClass.name }),
    })),
    priorityClasses: Object.fromEntries(made.flatMap(({ priorityClass }) => (priorityClass === undefined ? [] : [[priorityClass.name, priorityClass.value]]))),
  };
}

/** Those of the cluster itself first, whatever their priority. */
function rank({ namespace, priorityClass }: WorkloadRecord): number {
  return namespace.startsWith('kube-') ? Number.MAX_SAFE_INTEGER : (priorityClass?.value ?? 0);
}
