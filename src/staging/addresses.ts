/** Where a staging cluster is on this machine: a block of loopback addresses of its own. */

import { createServer } from 'node:net';
import { fail } from '../domain/errors.js';

/** What a spec needs to know beside the shape of the cluster. */
export interface SpecPlace {
  /** Second octet of all addresses. */
  readonly block: number;
  /** UID of the namespace kube-system. */
  readonly uid: string;
  /** Unix ms, by which certificates are dated. */
  readonly nowMs: number;
}

export interface Addresses {
  readonly loadBalancer: { readonly address: string; readonly port: number };
  readonly vault: { readonly address: string; readonly port: number };
  /** Counted from 0. */
  controlPlane(index: number): string;
  worker(index: number): string;
}

export function addressesOf(block: number): Addresses {
  return {
    loadBalancer: { address: `127.${block}.0.1`, port: 6443 },
    vault: { address: `127.${block}.0.1`, port: 8200 },
    controlPlane: (index) => `127.${block}.0.${11 + index}`,
    worker: (index) => `127.${block}.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`,
  };
}

const firstBlock = 77;
const lastBlock = 126;

/**
 * The first block in which the ports of the load balancer, of Vault and of the first node are free, from a random one on when `spread` is given,
 * so that several clusters that start at once do not meet. Throws usage, naming the last port that was taken.
 */
export async function freeBlock(options: { readonly spread?: boolean } = {}): Promise<number> {
  const count = lastBlock - firstBlock + 1;
  const start = options.spread === true ? Math.floor(Math.random() * count) : 0;
  let taken = '';
  for (let i = 0; i < count; i++) {
    const block = firstBlock + ((start + i) % count);
    const { loadBalancer, vault, controlPlane } = addressesOf(block);
    const wanted = [loadBalancer, vault, { address: controlPlane(0), port: 2222 }];
    const busy = await Promise.all(wanted.map(async (one) => ((await isFree(one)) ? undefined : `${one.address}:${one.port}`)));
    const found = busy.find((one) => one !== undefined);
    if (found === undefined) return block;
    taken = found;
  }
  return fail('usage', {
    target: taken,
    summary: 'no block of loopback addresses is free for a staging cluster',
    cause: `in each of 127.${firstBlock} to 127.${lastBlock} a port is taken, the last of them ${taken}`,
    nextAction: `See who listens there with "ss -ltnp", end it, and run the command again.`,
  });
}

function isFree({ address, port }: { readonly address: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
