import { describe, expect, it } from 'vitest';
import { labPaths, openLab } from '../lab.js';
import { leavesOf } from './leaves.js';
import { roles } from './roles.js';

const lab = openLab({ paths: labPaths('hard-way', '/nowhere'), shape: { controlPlanes: 3, workers: 2, encryptionAlgorithm: 'RSA-2048' } });
const leaves = leavesOf(lab);

describe('leaves of the hard way', () => {
  it('are one for all masters where the article has one, and one for each node where it has not', () => {
    expect(leaves.map(({ name, commonName, role }) => [name, commonName, roles[role].join()])).toEqual([
      ['apiserver', 'kube-apiserver', ''],
      ['etcd-master1', 'etcd-master1', ''],
      ['etcd-master2', 'etcd-master2', ''],
      ['etcd-master3', 'etcd-master3', ''],
      ['controller-manager', 'system:kube-controller-manager', ''],
      ['scheduler', 'system:kube-scheduler', ''],
      ['admin', 'kubernetes-admin', 'system:masters'],
      ['proxy', 'system:kube-proxy', 'system:node-proxier'],
      ...['master1', 'master2', 'master3', 'worker1', 'worker2'].map((name) => [`kubelet-${name}`, `system:node:${name}`, 'system:nodes']),
    ]);
  });

  it('name every master and the address of the Service in the pair that all API servers share', () => {
    const [apiServer] = leaves;
    expect(apiServer?.addresses).toEqual(['10.78.0.11', '10.78.0.12', '10.78.0.13', '10.78.0.1', '10.32.0.1', '127.0.0.1']);
  });
});
