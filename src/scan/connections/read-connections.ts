/** Who is connected to the API servers now, seen on their nodes. Reads only. */

import type { NodeRecord, Unseen } from '../../domain/cluster/inventory.js';
import { failuresOf } from '../../domain/errors.js';
import { isAddress } from '../../domain/pki/host-name.js';
import type { Connection } from '../../domain/trust/connection.js';
import type { Shells } from '../../ports/node-shell.js';
import { connectionsScript } from './connections-script.js';

export interface ConnectionsOptions {
  readonly nodes: readonly Pick<NodeRecord, 'name' | 'components'>[];
  readonly shells: Shells;
  readonly signal?: AbortSignal;
  /** Of one node. Default 20,000. */
  readonly deadlineMs?: number;
}

export interface Connections {
  readonly connections: readonly Connection[];
  /** From which rotate-ca itself comes, as the nodes see it over SSH. */
  readonly ownAddresses: readonly string[];
  readonly unseen: readonly Unseen[];
}

const usualPort = 6443;

/** Never throws for what a node does; only `interrupted` and defects. */
export async function readConnections({ nodes, shells, signal, deadlineMs = 20_000 }: ConnectionsOptions): Promise<Connections> {
  const call = { deadlineMs, ...(signal === undefined ? {} : { signal }) };
  const read = await Promise.all(
    nodes.map(async ({ name, components }): Promise<Connections> => {
      const server = components.find((one) => one.name === 'kube-apiserver');
      if (server === undefined) return { connections: [], ownAddresses: [], unseen: [] };
      const port = Number(server.flags['secure-port'] ?? usualPort);
      try {
        return parseConnections(name, port, await shells.to(name).must(connectionsScript(Number.isInteger(port) ? port : usualPort), call));
      } catch (error) {
        const [first] = failuresOf(error) ?? [];
        if (first === undefined || first.code === 'interrupted') throw error;
        return { connections: [], ownAddresses: [], unseen: [{ place: `connections to ${name}:${port}`, why: `${first.summary}: ${first.cause}` }] };
      }
    }),
  );
  return {
    connections: read.flatMap(({ connections }) => connections),
    ownAddresses: [...new Set(read.flatMap(({ ownAddresses }) => ownAddresses))],
    unseen: read.flatMap(({ unseen }) => unseen),
  };
}

/** Parses what the script has printed. Never throws: lines that it does not know are left out. */
export function parseConnections(node: string, port: number, output: string): Connections {
  const connections: Connection[] = [];
  const ownAddresses: string[] = [];
  let end = '';
  for (const line of output.split('\n')) {
    const [what = '', ...fields] = line.split('\t');
    const [address = ''] = fields.slice(-1);
    if (what === 'from' && isAddress(address)) ownAddresses.push(address);
    else if (what === 'peer' && isAddress(address) && /^[1-9]\d*$/.test(fields[0] ?? '')) connections.push({ server: node, address, count: Number(fields[0]) });
    else if (what === 'done' || what === 'none' || what === 'failed') end = what;
  }
  const why = end === 'done' && connections.length === 0 ? noneSeen : whys[end];
  return { connections, ownAddresses, unseen: why === undefined ? [] : [{ place: `connections to ${node}:${port}`, why }] };
}

/** An API server is connected to itself at least. */
const noneSeen = 'none is seen there: the API server may have a network of its own';
const whys: Readonly<Record<string, string | undefined>> = {
  done: undefined,
  none: 'there is no ss (iproute2) on the node: who is connected now is not known',
  failed: 'ss ended with an error, or took too long: who is connected now is not known',
  '': 'the answer of the node was cut off: who is connected now is not known',
};
