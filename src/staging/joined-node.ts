/** A node that joins a running staging cluster as with "kubeadm join", and leaves it again. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { addressesOf } from './addresses.js';
import type { Components, StagingContext } from './component.js';
import { caCertHashOf, joinNode } from './kubelet/join-node.js';
import { createKubelet } from './kubelet/kubelet.js';
import { createStagingNode } from './node/create-node.js';
import type { StagingNode } from './node/staging-node.js';
import type { NodeSpec } from './spec.js';

export interface JoinedNode {
  readonly spec: NodeSpec;
  /** "kubeadm reset" and "kubectl delete node". */
  leave(): Promise<void>;
}

export interface JoinParts {
  readonly context: StagingContext;
  readonly components: Components;
  /** Of the nodes of the cluster. */
  readonly folder: string;
  readonly name: string;
  /** Called as soon as others may find it. */
  known(node: StagingNode, spec: NodeSpec): void;
}

/** Behind the addresses of the workers that a cluster begins with. */
const firstFreeWorker = 1_500;

/** Resolves when its kubelet has a certificate, or could not get one: then what kubeadm would have said is in the log of the cluster. */
export async function joinNewNode({ context, components, folder, name, known }: JoinParts): Promise<JoinedNode> {
  const { clock, faults, store } = context;
  if (context.spec.layout === 'hard-way') throw new Error('nodes of a hard-way cluster do not join: kubeadm has not made it');
  const worker = context.spec.nodes.findLast(({ roles }) => roles.includes('worker'));
  if (worker === undefined) throw new Error('the staging cluster has no worker that a new one could be like');
  const { via: _, ...like } = worker;
  const spec: NodeSpec = {
    ...like,
    name,
    address: addressesOf(context.spec.block).worker(firstFreeWorker),
    leaves: [{ path: '/var/lib/kubelet/pki/kubelet.crt', keyType: 'ecdsa-p256' }],
  };
  const at = join(folder, name);
  const node = createStagingNode({ spec, folder: at, clock, faults });
  known(node, spec);
  const kubelet = createKubelet({ context, node, components });
  try {
    await joinNode({ context, node, kubelet, ...ticket(context) });
  } catch (error) {
    context.log(`kubeadm join on ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return {
    spec,
    async leave() {
      await kubelet.close();
      await node.close();
      for (const pod of store.list({ apiVersion: 'v1', kind: 'Pod' }))
        if ((pod.spec as { readonly nodeName?: string }).nodeName === name) store.remove({ ...pod, ...pod.metadata });
      store.remove({ apiVersion: 'v1', kind: 'Node', name });
      store.remove({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-node-lease', name });
      rmSync(at, { recursive: true, force: true });
    },
  };
}

/** What "kubeadm token create --print-join-command" prints at this moment. */
function ticket({ store }: StagingContext): { token: string; caCertHash: string } {
  const text = (data: unknown, key: string): string => Buffer.from((data as Readonly<Record<string, string>> | undefined)?.[key] ?? '', 'base64').toString('utf8');
  const secret = store.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system' }).find(({ type }) => type === 'bootstrap.kubernetes.io/token');
  const info = store.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' });
  const kubeconfig = (info?.data as Readonly<Record<string, string>> | undefined)?.kubeconfig ?? '';
  const caPem = Buffer.from(/certificate-authority-data: (\S+)/.exec(kubeconfig)?.[1] ?? '', 'base64').toString('utf8');
  return { token: `${text(secret?.data, 'token-id')}.${text(secret?.data, 'token-secret')}`, caCertHash: caCertHashOf(caPem) };
}
