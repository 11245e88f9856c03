import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeadmNodeFiles } from '../cluster/kubeadm-node-files.js';
import { hardWayNodeFiles } from '../hard-way/node-files.js';
import { type Lab, type LabNode, possibleNodes } from '../lab.js';
import type { NodeFile } from './node-file.js';

function networkScript({ layout }: Lab, node: LabNode): string {
  const lines = [
    'set -e',
    'ip link set lo up',
    'ip link set host0 up',
    `ip addr replace ${node.ip}/24 dev host0`,
    `ip route replace default via ${layout.address}`,
    // Of every node that there can be, so that one which joins later needs no change on the others. On the hard way flannel sets them.
    ...(layout.madeBy === 'hand' ? [] : possibleNodes(layout))
      .filter((other) => other.name !== node.name)
      .map((other) => `ip route replace ${other.podSubnet} via ${other.ip} dev host0 onlink`),
    // A Service's address that kube-proxy has not translated yet: refused at once, where a lost packet would make a
    // client that starts first (CoreDNS, after a boot) wait half a minute.
    ...['FORWARD', 'OUTPUT'].map((chain) => `iptables -A ${chain} -d ${layout.serviceNetwork} -j REJECT`),
  ];
  // As if a firewall stood before it: only the node that it is behind gets to its SSH.
  if (node.behind !== undefined) lines.push(`iptables -I INPUT -s ${layout.address} -p tcp --dport 22 -j REJECT`);
  return `${lines.join('\n')}\n`;
}

export const hostKeyTypes = ['ed25519', 'ecdsa'];

/** What makes this node this node: written once, kept over boots and restores. */
export function nodeFiles(lab: Lab, node: LabNode): NodeFile[] {
  const sshFile = (...parts: string[]): string => readFileSync(join(lab.paths.ssh, ...parts), 'utf8');
  const names = possibleNodes(lab.layout).map((other) => `${other.ip} ${other.name}`);
  return [
    { path: 'etc/hostname', content: `${node.name}\n` },
    { path: 'etc/hosts', content: `127.0.0.1 localhost\n${lab.layout.address} lb.lab\n${names.join('\n')}\n` },
    { path: 'etc/machine-id', content: `${randomUUID().replaceAll('-', '')}\n`, mode: 0o444 },
    { path: 'etc/lab/network.sh', content: networkScript(lab, node) },
    { path: 'home/sre/.ssh/authorized_keys', content: sshFile('id_ed25519.pub'), mode: 0o600, owner: 1000 },
    ...hostKeyTypes.flatMap((type) => [
      { path: `etc/ssh/ssh_host_${type}_key`, content: sshFile('host-keys', node.name, type), mode: 0o600 },
      { path: `etc/ssh/ssh_host_${type}_key.pub`, content: sshFile('host-keys', node.name, `${type}.pub`) },
    ]),
    ...(lab.layout.madeBy === 'hand' ? hardWayNodeFiles(lab, node) : kubeadmNodeFiles(node)),
  ];
}
