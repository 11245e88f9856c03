/** Asks every listener of every node what it presents: from here where that goes, else from the node itself. */

import type { NodeRecord, Unseen } from '../../domain/cluster/inventory.js';
import { failuresOf } from '../../domain/errors.js';
import type { Shells } from '../../ports/node-shell.js';
import type { TlsProbe } from '../../ports/tls-probe.js';
import { eachAtOnce, type Gathered } from '../gather.js';
import { askFromNode } from './ask-from-node.js';
import { type Listener, listenersOf } from './listeners.js';

const deadlineMs = 3_000;
const nodesAtOnce = 16;

export interface Asked {
  /** The nodes, with what their components present. */
  readonly nodes: readonly NodeRecord[];
  readonly unseen: readonly Unseen[];
}

/** Certificates that are presented go into the pool. */
export async function askListeners({ tls, shells }: { readonly tls: TlsProbe; readonly shells: Shells }, seen: Gathered): Promise<Asked> {
  const presented = new Map<Listener, string>();
  const silent: Listener[] = [];
  const keep = (listener: Listener, pem: string | undefined): boolean => {
    const [leaf] = pem === undefined ? [] : seen.pool.recordsOf(pem);
    if (leaf !== undefined) presented.set(listener, leaf.fingerprint);
    return leaf !== undefined;
  };
  await eachAtOnce(seen.nodes, nodesAtOnce, async (node) => {
    const listeners = listenersOf(node);
    const answers = await Promise.all(listeners.map((listener) => leafFromHere(tls, listener, seen.call.signal)));
    const left = listeners.filter((listener, index) => !keep(listener, answers[index]));
    if (left.length === 0) return;
    const questions = left.map(({ hosts, port }) => ({ at: hosts.toReversed().map((host) => ({ host, port })) }));
    const own = await askFromNode(shells, node.name, questions, seen.call).catch((error: unknown) => seen.collect(node.name, error));
    silent.push(...left.filter((listener, index) => !keep(listener, own?.[index])));
  });
  return {
    nodes: seen.nodes.map((node) => ({ ...node, components: node.components.map((component) => withPresents(node, component, presented)) })),
    unseen: silent.map(({ node, component, port }) => ({ place: `${node}:${port}`, why: `nobody answered with a certificate where ${component} should listen` })),
  };
}

function withPresents(node: NodeRecord, component: NodeRecord['components'][number], presented: ReadonlyMap<Listener, string>): NodeRecord['components'][number] {
  const own = [...presented].filter(([listener]) => listener.node === node.name && listener.component === component.name);
  return own.length === 0 ? component : { ...component, presents: Object.fromEntries(own.map(([{ port }, fingerprint]) => [String(port), fingerprint])) };
}

/** Not answered is no failure: a node may be asked that only other nodes reach. */
async function leafFromHere(tls: TlsProbe, { hosts, port }: Listener, signal: AbortSignal | undefined): Promise<string | undefined> {
  const [host] = hosts;
  // Loopback here is not that of the node.
  if (host === undefined || (hosts.length === 1 && host === '127.0.0.1')) return undefined;
  return tls.presentedBy({ host, port }, { deadlineMs, ...(signal === undefined ? {} : { signal }) }).then(
    ([leaf]) => leaf,
    (error: unknown) => {
      if (failuresOf(error) === undefined) throw error;
      return undefined;
    },
  );
}
