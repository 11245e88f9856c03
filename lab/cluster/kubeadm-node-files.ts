import type { LabNode } from '../lab.js';
import type { NodeFile } from '../node/node-file.js';
import { auditPolicy } from './audit-policy.js';
import { etcdPatch, patchesFolder } from './kubeadm-config.js';

/**
 * `ptp` rather than `bridge`: every packet between pods of one node is then routed, so that answers of a Service meet its
 * address translation without br_netfilter. Leases in /run: after a reboot no address is taken.
 */
function podNetwork(node: LabNode): string {
  const ipam = {
    type: 'host-local',
    dataDir: '/run/cni-leases',
    ranges: [[{ subnet: node.podSubnet }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const plugins = [
    { type: 'ptp', ipMasq: false, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  return `${JSON.stringify({ cniVersion: '0.4.0', name: 'lab', plugins }, undefined, 2)}\n`;
}

/** What kubeadm finds on a node. */
export function kubeadmNodeFiles(node: LabNode): NodeFile[] {
  return [
    { path: 'etc/cni/net.d/10-lab.conflist', content: podNetwork(node) },
    { path: 'etc/default/kubelet', content: `KUBELET_EXTRA_ARGS=--node-ip=${node.ip}\n` },
    ...(node.role === 'control-plane'
      ? [
          { path: 'etc/kubernetes/audit/policy.yaml', content: auditPolicy },
          { path: `${patchesFolder.slice(1)}/etcd.yaml`, content: etcdPatch },
        ]
      : []),
  ];
}
