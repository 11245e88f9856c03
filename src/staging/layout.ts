/** How a staging cluster is made up: what its Vault is, which files its nodes and which objects it has, and how its nodes run their components. */

import type { NewObject } from './api/store.js';
import { hardWayNodeFiles, sharedLeaves } from './hard-way/node-files.js';
import { hardWayObjects } from './hard-way/objects.js';
import { nodePaths } from './hard-way/paths.js';
import { hardWayMount, hardWayVault, makeRoot, type WriteVault } from './hard-way/vault.js';
import { createKubelet, type Kubelet, type KubeletOptions } from './kubelet/kubelet.js';
import { clusterObjects } from './objects-cluster.js';
import { rbacObjects } from './objects-rbac.js';
import { workloadObjects } from './objects-workloads.js';
import { operatorPolicy, pkiMount } from './operator-policy.js';
import { makeAuthorities } from './pki/authorities.js';
import { nodeFiles } from './pki/node-files.js';
import type { PkiFile } from './pki/pki-file.js';
import type { ClusterSpec, LayoutName, NodeSpec } from './spec.js';
import { createUnitNode } from './units/unit-node.js';
import type { SetUp } from './vault/set-up.js';

export interface LayoutMade {
  files(node: NodeSpec): Promise<PkiFile[]>;
  readonly objects: readonly NewObject[];
}

export interface Layout {
  /** Where the PKI engine is mounted. */
  readonly mount: string;
  /** Name of the role for sign-verbatim; empty: leaves are issued under roles that the playbook names. */
  readonly signRole: string;
  /** Kubeconfig of the administrator, on the first control plane. */
  readonly adminKubeconfig: string;
  readonly vault: Omit<SetUp, 'appRole'>;
  /** Makes CAs and keys. `write` goes to the Vault of the cluster. */
  make(spec: ClusterSpec, nowMs: number, write: WriteVault): Promise<LayoutMade>;
  /** What runs on a node: started, stopped, asked. */
  node(options: KubeletOptions): Kubelet;
}

const signRole = 'rotate-ca';

export function layoutOf(spec: ClusterSpec): Layout {
  return layouts[spec.layout ?? 'kubeadm'](spec);
}

const layouts: Readonly<Record<LayoutName, (spec: ClusterSpec) => Layout>> = {
  kubeadm: () => ({
    mount: pkiMount,
    signRole,
    adminKubeconfig: '/etc/kubernetes/admin.conf',
    vault: { mount: pkiMount, policy: operatorPolicy, signRole: { name: signRole } },
    async make(spec, nowMs) {
      const authorities = await makeAuthorities(spec);
      return {
        files: (node) => nodeFiles(spec, node, authorities, nowMs),
        objects: [...clusterObjects(spec, authorities, nowMs), ...rbacObjects(spec), ...workloadObjects(spec, authorities)],
      };
    },
    node: createKubelet,
  }),
  'hard-way': ({ leafKeyType }) => ({
    mount: hardWayMount,
    signRole: '',
    adminKubeconfig: nodePaths.admin,
    vault: hardWayVault(leafKeyType),
    async make(spec, _nowMs, write) {
      const root = await makeRoot(write, leafKeyType);
      const shared = await sharedLeaves(spec, write);
      return { files: (node) => hardWayNodeFiles(spec, node, shared, write), objects: hardWayObjects(spec, root) };
    },
    node: createUnitNode,
  }),
};
