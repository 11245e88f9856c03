import { existsSync, writeFileSync } from 'node:fs';
import { bringUpApi } from '../cluster/admin-access.js';
import { unreadyNodes } from '../cluster/readiness.js';
import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';
import { bringUpNodes, nodeFolders } from '../node/boot.js';
import type { Stages } from '../stages.js';
import { changesWorkloads } from '../workloads/generations.js';
import { applyObjects, getJson, type KubeObject } from '../workloads/kube-objects.js';
import { importImages } from '../workloads/node-images.js';
import { buildHardWayImage } from './build.js';
import { coreDns } from './dns.js';
import { flannelDaemonSet, flannelFoundation, flannelNamespace } from './flannel.js';
import { issueLeaves } from './issue-leaves.js';

const minute = 60_000;

interface NodeItem {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly podCIDR?: string };
}

/** The API servers' pair is that of their kubelet client too, and no group of its subject says so. */
const kubeletAccess: KubeObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'kube-apiserver-to-kubelet' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:kubelet-api-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kube-apiserver' }],
};

/** What an administrator does once kubelets have registered themselves: each node gets its network and its role. */
async function adoptNodes(lab: Lab): Promise<boolean> {
  const joined = (name: string): string => nodeFolders(lab.paths, name).joined;
  if (lab.nodes.every(({ name }) => existsSync(joined(name)))) return false;
  await applyObjects(lab, [kubeletAccess]);
  await waitFor('all kubelets to register', { timeoutMs: 10 * minute, everyMs: 1_000 }, async () => {
    const { items } = await getJson<{ items: readonly NodeItem[] }>(lab, ['nodes']);
    const missing = lab.nodes.filter(({ name }) => !items.some(({ metadata }) => metadata.name === name));
    return missing.length === 0 ? true : `missing: ${missing.map(({ name }) => name).join(', ')}`;
  });
  const { items } = await getJson<{ items: readonly NodeItem[] }>(lab, ['nodes']);
  for (const { name, role, podSubnet } of lab.nodes) {
    if (items.find(({ metadata }) => metadata.name === name)?.spec.podCIDR === undefined) {
      await lab.kubectl(['patch', 'node', name, '-p', JSON.stringify({ spec: { podCIDR: podSubnet, podCIDRs: [podSubnet] } })]);
    }
    if (role === 'control-plane') await lab.kubectl(['label', '--overwrite', 'node', name, 'node-role.kubernetes.io/control-plane=']);
    writeFileSync(joined(name), '');
  }
  return true;
}

/** A legacy token is made by kube-controller-manager; a pod that starts before would find nothing. */
export async function waitForTokens(lab: Lab, secrets: readonly { readonly namespace: string; readonly name: string }[]): Promise<void> {
  for (const { namespace, name } of secrets) {
    await waitFor(`the token in ${namespace}/${name}`, { timeoutMs: 10 * minute, everyMs: 500 }, async () => {
      const { data } = await getJson<{ data?: Readonly<Record<string, string>> }>(lab, ['-n', namespace, 'secret', name]);
      return data?.token === undefined ? 'none yet' : true;
    });
  }
}

async function deployNetwork(lab: Lab, report: (line: string) => void): Promise<void> {
  const image = await buildHardWayImage(lab.paths, 'flannel', report);
  await importImages(lab, [image], report);
  await applyObjects(lab, flannelFoundation(lab));
  await waitForTokens(lab, [{ namespace: flannelNamespace, name: 'flannel-token' }]);
  await applyObjects(lab, [flannelDaemonSet(image.reference), ...coreDns(lab)]);
  await waitFor('all nodes to be Ready', { timeoutMs: 10 * minute, everyMs: 1_000 }, async () => {
    const unready = await unreadyNodes(lab);
    return unready.length === 0 ? true : `not Ready: ${unready.join(', ')}`;
  });
}

/** Nodes whose units come up by themselves with what Vault issued, then what lives in the cluster and it cannot do without. */
export async function bringUpHardWayCluster(lab: Lab, stages: Stages): Promise<void> {
  await stages.run('leaves from Vault', () => issueLeaves(lab));
  await stages.run('nodes boot', () => bringUpNodes(lab, lab.nodes));
  await bringUpApi(lab, stages);
  await stages.run('nodes get networks and roles', () => adoptNodes(lab));
  await stages.run('flannel and CoreDNS', () => changesWorkloads(lab, () => deployNetwork(lab, (line) => stages.note(line))));
}
