/** Where a staging cluster is on this machine: a block of loopback addresses of its own. */

import { connect, createServer } from 'node:net';
import pLimit from 'p-limit';
import { fail } from '../domain/errors.js';
import type { ClusterSpec } from './spec.js';

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

/** Where something of the cluster will listen. */
export interface Port {
  readonly address: string;
  readonly port: number;
}

const kubeletPort = 10250;
/** kube-apiserver, etcd for clients and for peers, kube-controller-manager, kube-scheduler. */
const controlPlanePorts = [6443, 2379, 2380, 10257, 10259];

/** kube-proxy's, where it is a process of the node itself. */
const proxyPort = 10256;

export function portsOf({ loadBalancer, vault, nodes, layout }: Pick<ClusterSpec, 'loadBalancer' | 'vault' | 'nodes' | 'layout'>): Port[] {
  return [
    loadBalancer,
    vault,
    ...nodes.flatMap(({ address, sshPort, roles }) =>
      [sshPort, kubeletPort, ...(layout === 'hard-way' ? [proxyPort] : []), ...(roles.includes('control-plane') ? controlPlanePorts : [])].map((port) => ({ address, port })),
    ),
  ];
}

/** Within a block, and no node's: whoever listens there is about to start a cluster in it. */
const claimOf = (block: number): Port => ({ address: `127.${block}.255.254`, port: 10_777 });
/** By then the ports of the cluster itself are listened on, also on a machine that is busy. */
const claimedMs = 120_000;

/**
 * The first block in which all ports are free and that nobody else is about to use, from a random one on when `spread` is given. It is kept
 * from others for two minutes, or until this process ends: two clusters that start at once do not meet. Throws usage: every block has a taken port (the last one is named), or this machine has no such addresses.
 */
export async function freeBlock(portsIn: (block: number) => readonly Port[], options: { readonly spread?: boolean } = {}): Promise<number> {
  const count = lastBlock - firstBlock + 1;
  const start = options.spread === true ? Math.floor(Math.random() * count) : 0;
  await mustAnswer(portsIn(firstBlock)[0]?.address ?? '');
  let taken = '';
  for (let i = 0; i < count; i++) {
    const block = firstBlock + ((start + i) % count);
    const found = await firstTaken(portsIn(block));
    if (found === undefined && (await claim(block))) return block;
    const { address, port } = found ?? claimOf(block);
    taken = `${address}:${port}`;
  }
  return fail('usage', {
    target: taken,
    summary: 'no block of loopback addresses is free for a staging cluster',
    cause: `in each of 127.${firstBlock} to 127.${lastBlock} a port is taken, the last of them ${taken}`,
    nextAction: 'See who listens there with "ss -ltnp", end it, and run the command again.',
  });
}

/** Some machines have 127.0.0.1 alone; with the interface down one can listen there, and nobody connects. */
async function mustAnswer(address: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    const end = (error?: NodeJS.ErrnoException): void => {
      server.close();
      resolve(error === undefined ? undefined : (error.code ?? 'unknown'));
    };
    server.once('error', end);
    server.listen(0, address, () => {
      const bound = server.address();
      const client = connect(bound !== null && typeof bound === 'object' ? bound.port : 0, address);
      client.once('error', end);
      client.once('connect', () => {
        client.destroy();
        end();
      });
    });
  });
  if (code === undefined) return;
  fail('usage', {
    target: address,
    summary: 'this machine has no loopback addresses for a staging cluster',
    cause: `nobody reaches ${address} (${code}): the loopback interface is down, or has 127.0.0.1 alone as on macOS`,
    nextAction: 'Run it on Linux, in a container or a virtual machine for example, with the interface "lo" up.',
  });
}

const triedAtOnce = 32;

async function firstTaken(ports: readonly Port[]): Promise<Port | undefined> {
  const limit = pLimit(triedAtOnce);
  const isFree = await Promise.all(ports.map((port) => limit(() => canListen(port))));
  return ports.find((_, index) => isFree[index] !== true);
}

function claim(block: number): Promise<boolean> {
  const { address, port } = claimOf(block);
  return new Promise((resolve) => {
    // It keeps no process alive.
    const server = createServer((socket) => socket.destroy()).unref();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => {
      setTimeout(() => server.close(), claimedMs).unref();
      resolve(true);
    });
  });
}

function canListen({ address, port }: Port): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
