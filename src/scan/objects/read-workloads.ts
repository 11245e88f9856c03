/** Reads what makes pods, so that a rehearsal can stand in for it. */

import type { WorkloadRecord } from '../../domain/cluster/inventory.js';
import type { CallOptions, Kube, KubeObject } from '../../ports/kube.js';
import { byText } from './order.js';

const kinds = ['DaemonSet', 'Deployment', 'StatefulSet'] as const;

interface WorkloadSpec {
  /** Of a DaemonSet there is none: a pod on each node. The API server puts in 1 where it is not given. */
  readonly replicas?: number;
  readonly template?: { readonly spec?: { readonly priorityClassName?: string } };
}

/** In a fixed order: by kind, namespace, name. Throws what the port throws. */
export async function readWorkloads(kube: Kube, options: CallOptions): Promise<WorkloadRecord[]> {
  const [classes, ...lists] = await Promise.all([
    kube.list({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass' }, options),
    ...kinds.map((kind) => kube.list({ apiVersion: 'apps/v1', kind }, options)),
  ]);
  const values = new Map(classes.map((one) => [one.metadata.name, Number(one.value)]));
  return kinds.flatMap((kind, index) => (lists[index] ?? []).map((object) => recordOf(kind, object, values)).toSorted(byText(keyOf)));
}

function recordOf(kind: WorkloadRecord['kind'], { metadata, spec }: KubeObject, values: ReadonlyMap<string, number>): WorkloadRecord {
  const { replicas = 1, template } = (spec ?? {}) as WorkloadSpec;
  const name = template?.spec?.priorityClassName ?? '';
  const value = values.get(name);
  return { kind, namespace: metadata.namespace ?? '', name: metadata.name, replicas, ...(value === undefined ? {} : { priorityClass: { name, value } }) };
}

function keyOf({ namespace, name }: WorkloadRecord): string {
  return `${namespace}\0${name}`;
}
