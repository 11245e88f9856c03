/** Asks the servers that API servers call what they present: from a control plane, for that is where they are called from. */

import type { CalledServer, Unseen } from '../../domain/cluster/inventory.js';
import type { Kube } from '../../ports/kube.js';
import type { Shells } from '../../ports/node-shell.js';
import type { Gathered } from '../gather.js';
import { askFromNode, type Question } from '../probes/ask-from-node.js';
import type { Called } from './called-in.js';

/** Certificates that are presented go into the pool. */
export async function askCalled(
  { kube, shells }: { readonly kube: Kube; readonly shells: Shells },
  seen: Gathered,
  called: readonly Called[],
): Promise<{ readonly servers: readonly CalledServer[]; readonly unseen: readonly Unseen[] }> {
  if (called.length === 0) return { servers: [], unseen: [] };
  const addresses = await clusterAddresses(kube, seen, called);
  const questions = called.map(({ server, address }): Question | string => {
    if (address !== undefined) return { at: [address], serverName: server.host };
    const { namespace, name, port } = server.service ?? { namespace: '', name: '', port: 0 };
    const host = addresses.get(`${namespace}/${name}`);
    return host === undefined ? `the Service ${namespace}/${name} has no address in the cluster` : { at: [{ host, port }], serverName: server.host };
  });
  const from = seen.nodes.find(({ roles, tools }) => roles.includes('control-plane') && tools.openssl);
  const asked = questions.flatMap((question, index) => (typeof question === 'string' ? [] : [{ question, index }]));
  const answers = new Map<number, string>();
  if (from !== undefined) {
    const got = await askFromNode(
      shells,
      from.name,
      asked.map(({ question }) => question),
      seen.call,
    ).catch((error: unknown) => seen.collect(from.name, error));
    for (const [n, { index }] of asked.entries()) {
      const [leaf] = seen.pool.recordsOf(got?.[n] ?? '');
      if (leaf !== undefined) answers.set(index, leaf.fingerprint);
    }
  }
  const silent = from === undefined ? 'no control plane could be read that has openssl to ask it with' : `it did not answer ${from.name} with a certificate`;
  return {
    servers: called.map(({ server }, index) => {
      const presents = answers.get(index);
      return presents === undefined ? server : { ...server, presents };
    }),
    unseen: called.flatMap(({ server }, index) => {
      const question = questions[index];
      const why = typeof question === 'string' ? question : silent;
      return answers.has(index) ? [] : [{ place: `${server.kind} ${server.name} ${server.field}`, why: `what ${server.host} presents: ${why}` }];
    }),
  };
}

/** Cluster IPs by `NAMESPACE/NAME`; a Service without one is left out. */
async function clusterAddresses(kube: Kube, seen: Gathered, called: readonly Called[]): Promise<Map<string, string>> {
  if (!called.some(({ server }) => server.service !== undefined)) return new Map();
  const services = await kube.list({ apiVersion: 'v1', kind: 'Service' }, seen.call).catch((error: unknown) => seen.collect('Service', error));
  return new Map(
    (services ?? []).flatMap(({ metadata, spec }) => {
      const { clusterIP = 'None' } = (spec ?? {}) as { readonly clusterIP?: string };
      return clusterIP === 'None' || clusterIP === '' ? [] : [[`${metadata.namespace ?? ''}/${metadata.name}`, clusterIP] as const];
    }),
  );
}
