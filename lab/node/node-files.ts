import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bridgeAddress, controlPlaneNode, type Lab, type LabNode, maxWorkers, serviceNetwork, workerNode } from '../lab.js';
import { auditPolicy } from '../cluster/audit-policy.js';
import { etcdPatch, patchesFolder } from '../cluster/kubeadm-config.js';

export interface NodeFile {
  readonly path: string;
  readonly content: string;
  readonly mode?: number;
  /** Numeric user and group; root unless told. */
  readonly owner?: number;
}

/** Every node that there can be, so that a node which joins later needs no change on the others. */
function everyNode(): LabNode[] {
  return [...[1, 2, 3].map(controlPlaneNode), ...Array.from({ length: maxWorkers }, (_, index) => workerNode(index + 1))];
}

function networkScript(node: LabNode): string {
  const lines = [
    'set -e',
    'ip link set lo up',
    'ip link set host0 up',
    `ip addr replace ${node.ip}/24 dev host0`,
    `ip route replace default via ${bridgeAddress}`,
    ...everyNode()
      .filter((other) => other.name !== node.name)
      .map((other) => `ip route replace ${other.podSubnet} via ${other.ip} dev host0 onlink`),
    // A Service's address that kube-proxy has not translated yet: refused at once, where a lost packet would make a
    // client that starts first (CoreDNS, after a boot) wait half a minute.
    ...['FORWARD', 'OUTPUT'].map((chain) => `iptables -A ${chain} -d ${serviceNetwork} -j REJECT`),
  ];
  // As if a firewall stood before it: only the node that it is behind gets to its SSH.
  if (node.behind !== undefined) lines.push(`iptables -I INPUT -s ${bridgeAddress} -p tcp --dport 22 -j REJECT`);
  return `${lines.join('\n')}\n`;
}

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

export const hostKeyTypes = ['ed25519', 'ecdsa'];

/** What makes this node this node: written once, kept over boots and restores. */
export function nodeFiles(lab: Lab, node: LabNode): NodeFile[] {
  const sshFile = (...parts: string[]): string => readFileSync(join(lab.paths.ssh, ...parts), 'utf8');
  const names = everyNode().map((other) => `${other.ip} ${other.name}`);
  return [
    { path: 'etc/hostname', content: `${node.name}\n` },
    { path: 'etc/hosts', content: `127.0.0.1 localhost\n${bridgeAddress} lb.lab\n${names.join('\n')}\n` },
    { path: 'etc/machine-id', content: `${randomUUID().replaceAll('-', '')}\n`, mode: 0o444 },
    { path: 'etc/lab/network.sh', content: networkScript(node) },
    { path: 'etc/cni/net.d/10-lab.conflist', content: podNetwork(node) },
    { path: 'etc/default/kubelet', content: `KUBELET_EXTRA_ARGS=--node-ip=${node.ip}\n` },
    { path: 'home/sre/.ssh/authorized_keys', content: sshFile('id_ed25519.pub'), mode: 0o600, owner: 1000 },
    ...hostKeyTypes.flatMap((type) => [
      { path: `etc/ssh/ssh_host_${type}_key`, content: sshFile('host-keys', node.name, type), mode: 0o600 },
      { path: `etc/ssh/ssh_host_${type}_key.pub`, content: sshFile('host-keys', node.name, `${type}.pub`) },
    ]),
    ...(node.role === 'control-plane'
      ? [
          { path: 'etc/kubernetes/audit/policy.yaml', content: auditPolicy },
          { path: `${patchesFolder.slice(1)}/etcd.yaml`, content: etcdPatch },
        ]
      : []),
  ];
}
