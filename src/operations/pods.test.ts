import { describe, expect, it } from 'vitest';
import { type Pod, workloadsOf } from './pods.js';

const pod = (name: string, more: Partial<Pod> = {}): Pod => ({
  uid: 'u',
  namespace: 'default',
  name,
  node: 'w1',
  labels: {},
  priority: 0,
  hostNetwork: false,
  startedAtMs: 0,
  owner: { kind: 'Deployment', name },
  ...more,
});
const daemon = (name: string, more: Partial<Pod> = {}) => pod(name, { owner: { kind: 'DaemonSet', name }, ...more });

describe('workloadsOf', () => {
  it('rolls kube-proxy before and apart from the agents of the network, then DNS, then the others by priority', () => {
    const { tiers } = workloadsOf([
      pod('web'),
      pod('important', { priority: 1000 }),
      pod('coredns', { namespace: 'kube-system', priority: 2_000_000_000 }),
      daemon('calico-node', { namespace: 'kube-system', hostNetwork: true, priority: 2_000_001_000 }),
      daemon('kube-proxy', { namespace: 'kube-system', hostNetwork: true, priority: 2_000_001_000 }),
    ]);
    expect(tiers.map((tier) => tier.map((w) => w.name))).toEqual([['kube-proxy'], ['calico-node'], ['coredns'], ['important'], ['web']]);
  });

  it('counts the pods of a workload, and keeps workloads of one name apart by kind and namespace', () => {
    const { tiers } = workloadsOf([pod('a'), pod('a'), pod('a', { namespace: 'other' }), pod('a', { owner: { kind: 'StatefulSet', name: 'a' } })]);
    expect(tiers.flat().map((w) => [w.kind, w.namespace, w.pods])).toEqual([
      ['Deployment', 'default', 2],
      ['Deployment', 'other', 1],
      ['StatefulSet', 'default', 1],
    ]);
  });

  it.each([
    ['bare pod', undefined],
    ['Job', { kind: 'Job', name: 'j' }],
    ['ReplicaSet without a Deployment', { kind: 'ReplicaSet', name: 'r' }],
    ['static pod', { kind: 'Node', name: 'cp1' }],
  ])('names a %s as one that nothing makes anew', (_, owner) => {
    expect(workloadsOf([pod('x', { owner })])).toEqual({ tiers: [], others: ['default/x'] });
  });
});
