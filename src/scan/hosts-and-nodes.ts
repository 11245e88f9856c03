/** Brings the operator's inventory of hosts and the cluster's list of nodes together. */

import type { Host, Role } from '../domain/cluster/inventory.js';
import { type Failure, failure } from '../domain/errors.js';
import type { KubeObject } from '../ports/kube.js';

export interface ClusterNode {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly internalIp: string;
  readonly kubeletVersion: string;
}

const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** What a Node object says that is needed. Without a control-plane label it is a worker. */
export function clusterNodeOf(node: KubeObject): ClusterNode {
  const status = node.status as { addresses?: readonly { type: string; address: string }[]; nodeInfo?: { kubeletVersion?: string } } | undefined;
  const labels = node.metadata.labels ?? {};
  return {
    name: node.metadata.name,
    roles: [controlPlaneLabels.some((label) => label in labels) ? 'control-plane' : 'worker'],
    internalIp: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
    kubeletVersion: status?.nodeInfo?.kubeletVersion ?? '',
  };
}

/** node-unknown for every name that only one side has. */
export function unmatched(hosts: readonly Host[], nodes: readonly ClusterNode[]): Failure[] {
  const hostNames = new Set(hosts.map(({ name }) => name));
  const nodeNames = new Set(nodes.map(({ name }) => name));
  return [
    ...hosts.filter(({ name }) => !nodeNames.has(name)).map((host) => unknownHost(host, nodes)),
    ...nodes
      .filter(({ name }) => !hostNames.has(name))
      .map((node) =>
        failure('node-unknown', {
          target: node.name,
          summary: `the cluster has a node "${node.name}" that the inventory does not list`,
          cause: `its address is ${node.internalIp || 'unknown'}`,
          nextAction: `Add "${node.name}" to the inventory, or remove the node with "kubectl delete node ${node.name}" if it is gone for good`,
        }),
      ),
  ];
}

function unknownHost(host: Host, nodes: readonly ClusterNode[]): Failure {
  const same = nodes.find(({ internalIp }) => internalIp !== '' && internalIp === host.sshHost);
  return failure('node-unknown', {
    target: host.name,
    summary: `the inventory lists a host "${host.name}" that is no node of the cluster`,
    cause: same === undefined ? '' : `its address ${host.sshHost} is that of the node "${same.name}"`,
    nextAction: same === undefined ? `Take "${host.name}" out of the inventory, or join it, and compare with "kubectl get nodes"` : `Name the host "${same.name}" in the inventory`,
  });
}
