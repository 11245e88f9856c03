/** Who is connected to the API servers now, and of whom among them nobody knows who they are. Pure. */

import { isLoopback, isInNetwork, nodeAddresses, proxiesIn } from './addresses.js';
import type { Connection, Peer } from './connection.js';
import type { Holder, ShadowInput } from './holders.js';
import type { Inventory, Unseen } from '../cluster/inventory.js';

type Asked = Pick<ShadowInput, 'now' | 'before' | 'uses' | 'connections' | 'ownAddresses'>;

/** By address; those of a node to itself are left out. */
export function peersOf(input: Asked): Peer[] {
  const kindOf = kinds(input);
  const users = new Map<string, Set<string>>();
  for (const { address, user } of input.uses) users.set(address, (users.get(address) ?? new Set()).add(user));
  const byAddress = new Map<string, Connection[]>();
  for (const one of input.connections) if (!isLoopback(one.address)) byAddress.set(one.address, [...(byAddress.get(one.address) ?? []), one]);
  return [...byAddress]
    .map(([address, all]) => ({
      address,
      ...kindOf(address),
      servers: [...new Set(all.map(({ server }) => server))].sort(),
      connections: all.reduce((sum, { count }) => sum + count, 0),
      users: [...(users.get(address) ?? [])].sort(),
    }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}

function kinds({ now, before, uses, ownAddresses }: Asked): (address: string) => Pick<Peer, 'kind' | 'who'> {
  const proxies = proxiesIn({ uses, now, before });
  const nodes = nodeAddresses(now, before);
  const pods = new Map((now.pods ?? []).flatMap(({ namespace, name, addresses = [] }) => addresses.map((address) => [address, `${namespace}/${name}`] as const)));
  const networks = podNetworks(now);
  return (address) => {
    // A load balancer on a node hides who is behind it all the same.
    if (proxies.has(address)) return { kind: 'load balancer', who: '' };
    const [node, pod] = [nodes.get(address), pods.get(address)];
    if (node !== undefined) return { kind: 'node', who: node };
    if (pod !== undefined || networks.some((network) => isInNetwork(address, network))) return { kind: 'pod', who: pod ?? '' };
    return { kind: ownAddresses.includes(address) ? 'rotate-ca' : 'outside', who: '' };
  };
}

/** kube-controller-manager divides them among the nodes, unless the network plugin has addresses of its own. */
function podNetworks({ nodes }: Inventory): string[] {
  return nodes.flatMap(({ components }) => (components.find(({ name }) => name === 'kube-controller-manager')?.flags['cluster-cidr'] ?? '').split(',')).filter((one) => one !== '');
}

/** From outside, and no audit log says who they are. They ask for no acknowledgement: nobody knows yet whether they would fail. */
export function unknownPeers(peers: readonly Peer[], { uses }: Pick<ShadowInput, 'uses'>): Holder[] {
  const unsaid = uses.length === 0 ? 'no audit log says who it is' : 'no audit log has a client certificate from there';
  return peers
    .filter(({ kind, users }) => kind === 'outside' && users.length === 0)
    .map(({ address, servers, connections }) => ({
      id: `connected ${address}`,
      kind: 'connection',
      who: address,
      why: `it is connected to the API server of ${servers.join(', ')} now (${connections} connection${connections === 1 ? '' : 's'}), it is no node and no pod, and ${unsaid}`,
      nextAction: `Find out who it is ("ss -tnp" on ${address} names the program): with a client certificate of the outgoing CA it gets 401 afterwards; with a token it needs the bundle alone.`,
      userAgents: [],
      addresses: [address],
      asksAck: false,
    }));
}

/** Whom a load balancer hides. */
export function hiddenPeers(peers: readonly Peer[]): Unseen[] {
  return peers
    .filter(({ kind }) => kind === 'load balancer')
    .map(({ address, connections }) => ({
      place: `connections through ${address}`,
      why: `${connections} come from a load balancer or NAT: who is behind it cannot be seen on the nodes`,
    }));
}
