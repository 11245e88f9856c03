import { describe, expect, it } from 'vitest';
import type { Inventory, WorkloadRecord } from '../domain/cluster/inventory.js';
import { workloadsOf } from './workloads-from-inventory.js';

const record = (name: string, more: Partial<WorkloadRecord> = {}): WorkloadRecord => ({ kind: 'Deployment', namespace: 'app', name, replicas: 2, ...more });

function made(workloads: readonly WorkloadRecord[] | undefined) {
  const missing: string[] = [];
  const of = workloadsOf({ workloads } as Inventory, missing);
  return { ...of, missing };
}

describe('workloadsOf', () => {
  it('keeps kind, name, replicas and priority', () => {
    const { workloads, priorityClasses } = made([
      record('web', { priorityClass: { name: 'high', value: 1000 } }),
      record('coredns', { namespace: 'kube-system', priorityClass: { name: 'system-cluster-critical', value: 2_000_000_000 } }),
      record('db', { kind: 'StatefulSet', replicas: 1 }),
    ]);
    expect(workloads).toEqual([
      { kind: 'Deployment', namespace: 'kube-system', name: 'coredns', replicas: 2, priorityClass: 'system-cluster-critical', readsCa: 'once' },
      { kind: 'Deployment', namespace: 'app', name: 'web', replicas: 2, priorityClass: 'high', readsCa: 'once' },
      { kind: 'StatefulSet', namespace: 'app', name: 'db', replicas: 1, readsCa: 'once' },
    ]);
    expect(priorityClasses).toEqual({ high: 1000, 'system-cluster-critical': 2_000_000_000 });
  });

  it('leaves out those of the lowest priority where there are too many, and says so', () => {
    const many = Array.from({ length: 70 }, (_, index) => record(`w${index}`, { priorityClass: { name: `p${index}`, value: index } }));
    const { workloads, missing } = made([...many, record('proxy', { namespace: 'kube-system' })]);
    expect(workloads).toHaveLength(60);
    expect(workloads.map(({ name }) => name)).toEqual(expect.arrayContaining(['proxy', 'w69', 'w11']));
    expect(missing).toContain('workloads: 11 of 71, those of the lowest priority, are left out');
  });

  it('makes fewer replicas where there are many, and says of which', () => {
    const { workloads, missing } = made([record('web', { replicas: 40 })]);
    expect(workloads[0]?.replicas).toBe(5);
    expect(missing).toContain('workloads: of more than 5 replicas 5 are made (app/web)');
  });

  it('stands in for an inventory without them, and says so', () => {
    const { workloads, missing } = made(undefined);
    expect(workloads.map(({ name }) => name)).toEqual(['kube-proxy', 'kube-flannel-ds', 'coredns', 'program']);
    expect(missing.join()).toMatch(/does not hold them/);
  });
});
