import type { Lab, LabNode } from '../lab.js';
import { clusterDomain, serviceAddress } from './service-addresses.js';
import type { RoleName } from './roles.js';

/** A pair that Vault issues. What is shared is issued once and copied, as the article does for its masters. */
export interface Leaf {
  /** Also the name of its files. */
  readonly name: string;
  readonly commonName: string;
  readonly role: RoleName;
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
}

export const apiServerLeaf = 'apiserver';

function apiServer(lab: Lab): Leaf {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${clusterDomain}`];
  return {
    name: apiServerLeaf,
    commonName: 'kube-apiserver',
    role: 'kubernetes-components',
    dnsNames: [...service, 'lb.lab'],
    addresses: [...lab.controlPlanes.map(({ ip }) => ip), lab.layout.address, serviceAddress(lab.layout, 1), '127.0.0.1'],
  };
}

export function etcdLeaf(node: LabNode): Leaf {
  return {
    name: `etcd-${node.name}`,
    commonName: `etcd-${node.name}`,
    role: 'kubernetes-components',
    dnsNames: [node.name, 'localhost'],
    addresses: [node.ip, '127.0.0.1'],
  };
}

export function kubeletLeaf(node: LabNode): Leaf {
  return { name: `kubelet-${node.name}`, commonName: `system:node:${node.name}`, role: 'kubernetes-nodes' };
}

/** Everything that the cluster is issued. */
export function leavesOf(lab: Lab): Leaf[] {
  return [
    apiServer(lab),
    ...lab.controlPlanes.map(etcdLeaf),
    { name: 'controller-manager', commonName: 'system:kube-controller-manager', role: 'kubernetes-components' },
    { name: 'scheduler', commonName: 'system:kube-scheduler', role: 'kubernetes-components' },
    { name: 'admin', commonName: 'kubernetes-admin', role: 'kubernetes-masters' },
    { name: 'proxy', commonName: 'system:kube-proxy', role: 'kubernetes-node-proxier' },
    ...lab.nodes.map(kubeletLeaf),
  ];
}
