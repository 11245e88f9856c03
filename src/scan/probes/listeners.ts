/** Where the components of a node listen with TLS, by their flags. Pure. */

import type { ComponentRecord, NodeRecord } from '../../domain/cluster/inventory.js';

export interface Listener {
  readonly node: string;
  readonly component: ComponentRecord['name'];
  readonly port: number;
  /** Addresses in the order in which they are worth a try: the node's own, what the flags say, loopback. */
  readonly hosts: readonly string[];
}

/** Ports that components have without a flag (their "Command line tools reference"; kubelet: KubeletConfiguration.port). */
const ports: Readonly<Partial<Record<ComponentRecord['name'], readonly [flag: string, port: number]>>> = {
  'kube-apiserver': ['secure-port', 6443],
  'kube-controller-manager': ['secure-port', 10257],
  'kube-scheduler': ['secure-port', 10259],
  kubelet: ['port', 10250],
};

export function listenersOf(node: NodeRecord): Listener[] {
  return node.components.flatMap((component): Listener[] => {
    if (component.name === 'etcd') return listenersOfEtcd(node, component);
    const [flag, without] = ports[component.name] ?? [];
    if (flag === undefined || without === undefined) return [];
    const port = Number(component.flags[flag] ?? without);
    // 0: it listens nowhere.
    if (!Number.isInteger(port) || port <= 0 || port > 65_535) return [];
    return [{ node: node.name, component: component.name, port, hosts: hostsOf(node, [component.flags['bind-address'] ?? component.flags.address ?? '']) }];
  });
}

/** URLs with https alone: others present nothing. */
function listenersOfEtcd(node: NodeRecord, { flags }: ComponentRecord): Listener[] {
  const urls = ['listen-client-urls', 'listen-peer-urls'].flatMap((flag) => (flags[flag] ?? '').split(','));
  const found = new Map<number, string[]>();
  for (const text of urls.filter((url) => URL.canParse(url))) {
    const { protocol, hostname, port } = new URL(text);
    if (protocol !== 'https:' || port === '') continue;
    found.set(Number(port), [...(found.get(Number(port)) ?? []), hostname.replace(/^\[(.*)\]$/, '$1')]);
  }
  return [...found].map(([port, hosts]) => ({ node: node.name, component: 'etcd', port, hosts: hostsOf(node, hosts) }));
}

function hostsOf({ internalIp }: NodeRecord, named: readonly string[]): string[] {
  const own = named.filter((host) => host !== '' && host !== '0.0.0.0' && host !== '::' && !isLoopback(host));
  return [...new Set([...(internalIp === '' ? [] : [internalIp]), ...own, '127.0.0.1'])];
}

function isLoopback(host: string): boolean {
  return host === '::1' || host === '127.0.0.1' || host === 'localhost';
}
