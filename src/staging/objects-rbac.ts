/** Who may do what: what kubeadm and the workloads of the cluster bind. The roles of the API server itself are its own. */

import type { NewObject } from './api/store.js';
import { accountOf } from './objects-workloads.js';
import type { ClusterSpec } from './spec.js';

const bootstrappers = 'system:bootstrappers:kubeadm:default-node-token';
const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;

type Subject = { readonly kind: 'User' | 'Group'; readonly name: string } | { readonly kind: 'ServiceAccount'; readonly name: string; readonly namespace: string };

/** k/k cmd/kubeadm/app/phases/bootstraptoken, phases/kubelet/config.go, phases/uploadconfig, phases/addons/proxy, phases/kubeconfig. */
export function rbacObjects(spec: ClusterSpec): NewObject[] {
  const nodeClient = 'system:certificates.k8s.io:certificatesigningrequests';
  const readers: readonly Subject[] = [toGroup('system:nodes'), toGroup(bootstrappers)];
  return [
    clusterBinding('kubeadm:cluster-admins', 'cluster-admin', [toGroup('kubeadm:cluster-admins')]),
    { apiVersion, kind: 'ClusterRole', metadata: { name: 'kubeadm:get-nodes' }, rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }] },
    clusterBinding('kubeadm:get-nodes', 'kubeadm:get-nodes', [toGroup(bootstrappers)]),
    clusterBinding('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', [toGroup(bootstrappers)]),
    clusterBinding('kubeadm:node-autoapprove-bootstrap', `${nodeClient}:nodeclient`, [toGroup(bootstrappers)]),
    clusterBinding('kubeadm:node-autoapprove-certificate-rotation', `${nodeClient}:selfnodeclient`, [toGroup('system:nodes')]),
    clusterBinding('kubeadm:node-proxier', 'system:node-proxier', [{ kind: 'ServiceAccount', name: 'kube-proxy', namespace: 'kube-system' }]),
    ...reading('kube-public', 'kubeadm:bootstrap-signer-clusterinfo', 'cluster-info', [{ kind: 'User', name: 'system:anonymous' }]),
    ...reading('kube-system', 'kubeadm:kubelet-config', 'kubelet-config', readers),
    ...reading('kube-system', 'kubeadm:nodes-kubeadm-config', 'kubeadm-config', readers),
    ...workloadAccess(spec),
  ];
}

/** CoreDNS, the network agent and the programs that write ConfigMaps of their namespace. */
export function workloadAccess(spec: ClusterSpec): NewObject[] {
  const read = ['get', 'list', 'watch'];
  const account = (name: string): Subject | undefined => {
    const workload = spec.workloads.find((one) => one.name === name);
    return workload === undefined ? undefined : { kind: 'ServiceAccount', name: accountOf(workload), namespace: workload.namespace };
  };
  const [coredns, flannel] = [account('coredns'), account('kube-flannel-ds')];
  const cluster = (name: string, account: Subject, rules: readonly object[]): NewObject[] => [
    { apiVersion, kind: 'ClusterRole', metadata: { name }, rules },
    clusterBinding(name, name, [account]),
  ];
  const applications = [...new Set(spec.workloads.map((workload) => workload.namespace))].filter((namespace) => !namespace.startsWith('kube-'));
  return [
    ...(coredns !== undefined
      ? cluster('system:coredns', coredns, [
          { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
        ])
      : []),
    ...(flannel !== undefined
      ? cluster('flannel', flannel, [
          { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
          { apiGroups: [''], resources: ['nodes'], verbs: read },
          { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
        ])
      : []),
    ...applications.flatMap((namespace) => [
      { apiVersion, kind: 'Role', metadata: { name: 'programs', namespace }, rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: [...read, 'create', 'patch'] }] },
      {
        apiVersion,
        kind: 'RoleBinding',
        metadata: { name: 'programs', namespace },
        roleRef: { apiGroup: group, kind: 'Role', name: 'programs' },
        subjects: [{ apiGroup: group, kind: 'Group', name: `system:serviceaccounts:${namespace}` }],
      },
    ]),
  ];
}

function reading(namespace: string, name: string, configMap: string, subjects: readonly Subject[]): NewObject[] {
  return [
    { apiVersion, kind: 'Role', metadata: { name, namespace }, rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [configMap], verbs: ['get'] }] },
    { apiVersion, kind: 'RoleBinding', metadata: { name, namespace }, roleRef: { apiGroup: group, kind: 'Role', name }, subjects: subjects.map(full) },
  ];
}

export function clusterBinding(name: string, role: string, subjects: readonly Subject[]): NewObject {
  return { apiVersion, kind: 'ClusterRoleBinding', metadata: { name }, roleRef: { apiGroup: group, kind: 'ClusterRole', name: role }, subjects: subjects.map(full) };
}

function toGroup(name: string): Subject {
  return { kind: 'Group', name };
}

function full(subject: Subject): object {
  return subject.kind === 'ServiceAccount' ? subject : { apiGroup: group, ...subject };
}
