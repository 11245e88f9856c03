/** What is in a hard-way cluster: nothing of kubeadm, what an administrator has bound, workloads that live on legacy tokens. */

import type { NewObject } from '../api/store.js';
import { plainObjects } from '../objects-cluster.js';
import { copyObjects } from '../objects-copies.js';
import { clusterBinding, workloadAccess } from '../objects-rbac.js';
import { programObjects } from '../objects-workloads.js';
import type { ClusterSpec, WorkloadSpec } from '../spec.js';

/** `certificatePem`: of the one CA. */
export function hardWayObjects(spec: ClusterSpec, certificatePem: string): NewObject[] {
  const ca = { certificatePem };
  return [
    ...plainObjects(spec),
    // The API servers' pair is that of their kubelet client too, and no group of its subject says so.
    clusterBinding('kube-apiserver-to-kubelet', 'system:kubelet-api-admin', [{ kind: 'User', name: 'kube-apiserver' }]),
    ...workloadAccess(spec),
    ...programObjects(spec),
    ...copyObjects(spec, spec.caCopies ?? [], { cluster: ca, etcd: ca, frontProxy: ca }),
  ];
}

const tenants = ['tokens-1', 'tokens-2', 'tokens-3', 'tokens-4'];

export const hardWayNamespaces: readonly string[] = ['felt', ...tenants];

export const hardWayPriorities = { 'shop-critical': 200_000, 'shop-ordinary': 50_000, 'shop-optional': 500, 'felt-high': 100_000, 'felt-low': 1_000 };

/** lab/hard-way/flannel.ts, dns.ts and applications.ts, and of what every lab has a Deployment and a StatefulSet on projected tokens. */
export const hardWayWorkloads: readonly WorkloadSpec[] = [
  {
    kind: 'DaemonSet',
    namespace: 'kube-flannel',
    name: 'kube-flannel-ds',
    replicas: 1,
    priorityClass: 'system-node-critical',
    readsCa: 'once',
    account: 'flannel',
    tokenSecret: 'flannel-token',
  },
  { kind: 'Deployment', namespace: 'kube-system', name: 'coredns', replicas: 2, priorityClass: 'system-cluster-critical', readsCa: 'once' },
  { kind: 'Deployment', namespace: 'shop', name: 'shop', replicas: 2, priorityClass: 'shop-critical', readsCa: 'once', account: 'default', tokenSecret: '' },
  { kind: 'Deployment', namespace: 'shop', name: 'reports', replicas: 1, priorityClass: 'shop-optional', readsCa: 'once', account: 'default', tokenSecret: '' },
  { kind: 'Deployment', namespace: 'ingress', name: 'ingress', replicas: 2, priorityClass: 'shop-critical', readsCa: 'once', tokenSecret: 'ingress-token' },
  { kind: 'Deployment', namespace: 'monitoring', name: 'monitor', replicas: 1, priorityClass: 'shop-ordinary', readsCa: 'once', tokenSecret: 'monitor-token' },
  ...tenants.map(
    (namespace): WorkloadSpec => ({
      kind: 'Deployment',
      namespace,
      name: 'tenant',
      replicas: 1,
      priorityClass: 'shop-ordinary',
      readsCa: 'once',
      account: 'token-holder',
      tokenSecret: 'token-1',
    }),
  ),
  { kind: 'Deployment', namespace: 'felt', name: 'felt-go', replicas: 3, priorityClass: 'felt-high', budget: 1, readsCa: 'once' },
  { kind: 'StatefulSet', namespace: 'felt', name: 'felt-store', replicas: 2, priorityClass: 'felt-low', budget: 1, readsCa: 'once' },
];
