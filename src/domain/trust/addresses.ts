/** Which addresses are whose. Pure. */

import type { Inventory } from '../cluster/inventory.js';
import { addressBytes } from '../pki/host-name.js';
import { hostOf } from './api-servers.js';
import type { CredentialUse } from './credential-use.js';

/** Addresses of nodes, with their names. */
export function nodeAddresses(...inventories: readonly Inventory[]): Map<string, string> {
  return new Map(inventories.flatMap(({ nodes }) => nodes.flatMap(({ name, internalIp, host }) => [internalIp, host.sshHost].map((address) => [address, name] as const))));
}

/** Addresses behind which there is more than one node, and that of the API itself where no node has it: a load balancer, or NAT. Who comes from there may be anybody. */
export function proxiesIn({ uses, now, before }: { readonly uses: readonly CredentialUse[]; readonly now: Inventory; readonly before: Inventory }): Set<string> {
  const nodes = new Map<string, Set<string>>();
  for (const { user, address } of uses) if (user.startsWith('system:node:')) nodes.set(address, (nodes.get(address) ?? new Set()).add(user));
  const front = hostOf(now.cluster.server);
  const shared = [...nodes].filter(([, users]) => users.size > 1).map(([address]) => address);
  return new Set(front === '' || nodeAddresses(now, before).has(front) ? shared : [...shared, front]);
}

/** Linux takes 127.0.0.1 as its own address whatever address of loopback it goes to. */
export function isLoopback(address: string): boolean {
  return address === '::1' || address === '127.0.0.1';
}

/** Is the address in the network, "10.244.0.0/16"? False for what is no address or no network. */
export function isInNetwork(address: string, network: string): boolean {
  const [base = '', length = ''] = network.trim().split('/');
  const [one, other] = [addressBytes(address), addressBytes(base)];
  if (one === undefined || other === undefined || !/^\d{1,3}$/.test(length)) return false;
  // Both are of sixteen bytes: the first twelve of an IPv4 address are the same for all.
  const rest = 128n - BigInt(length) - (base.includes(':') ? 0n : 96n);
  return rest >= 0n && BigInt(`0x${one}`) >> rest === BigInt(`0x${other}`) >> rest;
}
