import { auditPolicy } from '../cluster/audit-policy.js';
import { apiEndpoint, type Lab, type LabNode } from '../lab.js';
import type { NodeFile } from '../node/node-file.js';
import {
  apiServerEnvironment,
  controllerManagerEnvironment,
  etcdEnvironment,
  kubeletConfiguration,
  kubeletEnvironment,
  proxyConfiguration,
  proxyEnvironment,
  schedulerEnvironment,
} from './component-files.js';
import { etcdUser, nodePaths } from './folders.js';
import { type IssuedLeaf, issuedLeaf } from './issue-leaves.js';
import { kubeconfigOfFiles, kubeconfigWithData } from './kubeconfigs.js';
import { apiServerLeaf, etcdLeaf, kubeletLeaf } from './leaves.js';
import { manifestOf, runsAsPod } from './static-pods.js';
import { type Unit, units, unitText } from './units.js';

const localApi = 'https://127.0.0.1:6443';

function pair(folder: string, name: string, { certificate, key }: IssuedLeaf, owner?: number): NodeFile[] {
  const owned = owner === undefined ? {} : { owner };
  return [
    { path: `${folder}/${name}.pem`, content: certificate, ...owned },
    { path: `${folder}/${name}-key.pem`, content: key, mode: 0o600, ...owned },
  ];
}

function everyNodeFiles(lab: Lab, node: LabNode): NodeFile[] {
  const server = `https://${apiEndpoint(lab.layout)}`;
  const kubelet = issuedLeaf(lab, kubeletLeaf(node).name);
  return [
    { path: nodePaths.authority, content: kubelet.authority },
    ...pair(nodePaths.pki, 'kubelet', kubelet),
    { path: '/etc/kubernetes/kubelet.kubeconfig', content: kubeconfigOfFiles(server, `system:node:${node.name}`, 'kubelet'), mode: 0o600 },
    { path: nodePaths.kubeletConfig, content: kubeletConfiguration(lab, node) },
    { path: '/etc/kubernetes/proxy.kubeconfig', content: kubeconfigWithData(server, 'system:kube-proxy', issuedLeaf(lab, 'proxy')), mode: 0o600 },
    { path: nodePaths.proxyConfig, content: proxyConfiguration(lab) },
  ];
}

/** Of each component: what its unit reads. */
function environments(lab: Lab, node: LabNode): ReadonlyMap<string, { readonly file: string; readonly content: string }> {
  return new Map([
    ['etcd', { file: '/etc/etcd/etcd.env', content: etcdEnvironment(lab, node) }],
    ['kube-apiserver', { file: '/etc/kubernetes/apiserver.env', content: apiServerEnvironment(lab, node) }],
    ['kube-controller-manager', { file: '/etc/kubernetes/controller-manager.env', content: controllerManagerEnvironment(lab) }],
    ['kube-scheduler', { file: '/etc/kubernetes/scheduler.env', content: schedulerEnvironment() }],
    ['kubelet', { file: '/etc/kubernetes/kubelet.env', content: kubeletEnvironment(node) }],
    ['kube-proxy', { file: '/etc/kubernetes/proxy.env', content: proxyEnvironment(node) }],
  ]);
}

function controlPlaneFiles(lab: Lab, node: LabNode): NodeFile[] {
  const etcd = issuedLeaf(lab, etcdLeaf(node).name);
  return [
    { path: `${nodePaths.etcdPki}/ca.pem`, content: etcd.authority, owner: etcdUser.id },
    ...pair(nodePaths.etcdPki, 'etcd', etcd, etcdUser.id),
    ...[apiServerLeaf, 'controller-manager', 'scheduler'].flatMap((name) => pair(nodePaths.pki, name, issuedLeaf(lab, name))),
    { path: '/etc/kubernetes/audit/policy.yaml', content: auditPolicy },
    { path: '/etc/kubernetes/controller-manager.kubeconfig', content: kubeconfigOfFiles(localApi, 'system:kube-controller-manager', 'controller-manager'), mode: 0o600 },
    { path: '/etc/kubernetes/scheduler.kubeconfig', content: kubeconfigOfFiles(localApi, 'system:kube-scheduler', 'scheduler'), mode: 0o600 },
    { path: lab.layout.adminKubeconfig, content: adminKubeconfig(lab), mode: 0o600 },
  ];
}

export function adminKubeconfig(lab: Lab): string {
  return kubeconfigWithData(`https://${apiEndpoint(lab.layout)}`, 'kubernetes-admin', issuedLeaf(lab, 'admin'));
}

function componentFiles(lab: Lab, node: LabNode, unit: Unit): NodeFile[] {
  const environment = environments(lab, node).get(unit.name);
  if (environment === undefined) throw new Error(`${unit.name} has no environment`);
  if (runsAsPod(lab, unit)) return [manifestOf(lab.layout, unit, environment.content)];
  const file = `/etc/systemd/system/${unit.name}.service`;
  return [
    { path: environment.file, content: environment.content },
    { path: file, content: unitText(unit) },
    { path: `/etc/systemd/system/multi-user.target.wants/${unit.name}.service`, link: file },
  ];
}

/** Units, enabled, with all that they read: a node that boots with them is one of the cluster. */
export function hardWayNodeFiles(lab: Lab, node: LabNode): NodeFile[] {
  const own = units.filter(({ runsOn }) => runsOn === 'every-node' || node.role === 'control-plane');
  return [...own.flatMap((unit) => componentFiles(lab, node, unit)), ...everyNodeFiles(lab, node), ...(node.role === 'control-plane' ? controlPlaneFiles(lab, node) : [])];
}
