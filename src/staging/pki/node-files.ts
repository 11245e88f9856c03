/** All files of a node that kubeadm and the kubelet have left there: certificates, keys, kubeconfigs, manifests. */

import type { Ca } from '../../x509/certificate-authority.js';
import type { StagingNode } from '../node/staging-node.js';
import type { ClusterSpec, NodeSpec } from '../spec.js';
import type { Authorities } from './authorities.js';
import { componentFlags, controlPlanes, isFirst, networks } from './component-flags.js';
import { joinedKubeconfig, kubeadmKubeconfig } from './kubeconfig.js';
import { currentClient, kubeletArguments, kubeletClientFiles, kubeletConfiguration, kubeletServingFiles } from './kubelet-files.js';
import { auditFiles } from './audit-files.js';
import { issueLeaf, type LeafWish } from './leaves.js';
import { staticPods } from './manifests.js';
import type { PkiFile } from './pki-file.js';

const pki = '/etc/kubernetes/pki';
const certificateMode = 0o644;
const keyMode = 0o600;

/** Fresh keys, in parallel. Throws ca-rejected for a key type of the spec that cannot be made. */
export async function nodeFiles(spec: ClusterSpec, node: NodeSpec, authorities: Authorities, nowMs: number): Promise<PkiFile[]> {
  const isControlPlane = node.roles.includes('control-plane');
  const parts = await Promise.all([
    kubeletClientFiles(spec, node, authorities, nowMs),
    kubeletServingFiles(node, nowMs),
    ...(isControlPlane ? [...leafFiles(spec, node, authorities, nowMs), ...kubeconfigFiles(spec, node, authorities, nowMs)] : []),
  ]);
  return [
    ...(isControlPlane ? sharedFiles(authorities) : [{ path: `${pki}/ca.crt`, text: authorities.cluster.certificatePem, mode: certificateMode }]),
    ...parts.flat(),
    ...plainFiles(spec, node, authorities),
  ];
}

/** Writes them onto the node. Modes as kubeadm's; owner is whoever runs staging, shown as root by the node. */
export function writeNodeFiles(node: StagingNode, files: readonly PkiFile[]): void {
  for (const file of files) {
    if ('linkTo' in file) node.link(file.path, file.linkTo);
    else node.write(file.path, file.text, { mode: file.mode, ...(file.owner === undefined ? {} : { owner: file.owner }) });
  }
}

/** Byte-identical on all control planes (k/k cmd/kubeadm/app/phases/copycerts/copycerts.go). sa.pub is written with the writer of keys: 0600. */
function sharedFiles({ cluster, etcd, frontProxy, serviceAccounts }: Authorities): PkiFile[] {
  const pair = (name: string, ca: Ca): PkiFile[] => [
    { path: `${pki}/${name}.crt`, text: ca.certificatePem, mode: certificateMode },
    { path: `${pki}/${name}.key`, text: ca.keyPem.reveal().toString('utf8'), mode: keyMode },
  ];
  return [
    ...pair('ca', cluster),
    ...pair('etcd/ca', etcd),
    ...pair('front-proxy-ca', frontProxy),
    { path: `${pki}/sa.key`, text: serviceAccounts.privateKeyPem.reveal().toString('utf8'), mode: keyMode },
    { path: `${pki}/sa.pub`, text: serviceAccounts.publicPem, mode: keyMode },
  ];
}

/** k/k cmd/kubeadm/app/phases/certs/certlist.go */
function leafFiles(spec: ClusterSpec, node: NodeSpec, authorities: Authorities, nowMs: number): Promise<PkiFile[]>[] {
  const member = {
    commonName: node.name,
    sans: [`DNS:${node.name}`, 'DNS:localhost', `IP:${node.address}`, 'IP:127.0.0.1', 'IP:::1'],
    usages: ['serverAuth', 'clientAuth'] as const,
  };
  const services = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${networks.domain}`].map((name) => `DNS:${name}`);
  const leaves: readonly (readonly [name: string, ca: Ca, wish: Omit<LeafWish, 'path'>])[] = [
    [
      'apiserver',
      authorities.cluster,
      {
        commonName: 'kube-apiserver',
        sans: [`DNS:${node.name}`, ...services, `IP:${networks.firstServiceIp}`, `IP:${node.address}`, `IP:${spec.loadBalancer.address}`],
        usages: ['serverAuth'],
      },
    ],
    ['apiserver-kubelet-client', authorities.cluster, { commonName: 'kube-apiserver-kubelet-client', organizations: ['kubeadm:cluster-admins'], usages: ['clientAuth'] }],
    ['front-proxy-client', authorities.frontProxy, { commonName: 'front-proxy-client', usages: ['clientAuth'] }],
    ['apiserver-etcd-client', authorities.etcd, { commonName: 'kube-apiserver-etcd-client', usages: ['clientAuth'] }],
    ['etcd/server', authorities.etcd, member],
    ['etcd/peer', authorities.etcd, member],
    ['etcd/healthcheck-client', authorities.etcd, { commonName: 'kube-etcd-healthcheck-client', usages: ['clientAuth'] }],
  ];
  return leaves.map(async ([name, ca, wish]) => {
    const leaf = await issueLeaf(ca, { ...wish, path: `${pki}/${name}.crt` }, { spec, node, nowMs });
    return [
      { path: `${pki}/${name}.crt`, text: leaf.certificatePem, mode: certificateMode },
      { path: `${pki}/${name}.key`, text: leaf.keyPem.reveal().toString('utf8'), mode: keyMode },
    ];
  });
}

/** k/k cmd/kubeadm/app/phases/kubeconfig/kubeconfig.go: controller manager and scheduler go to the API server of their own node. */
function kubeconfigFiles(spec: ClusterSpec, node: NodeSpec, authorities: Authorities, nowMs: number): Promise<PkiFile[]>[] {
  const local = `https://${node.address}:6443`;
  const files: readonly (readonly [name: string, user: string, server: string, organizations: readonly string[]])[] = [
    ['admin', 'kubernetes-admin', endpointOf(spec), ['kubeadm:cluster-admins']],
    ...(isFirst(spec, node) ? [['super-admin', 'kubernetes-super-admin', endpointOf(spec), ['system:masters']] as const] : []),
    ['controller-manager', 'system:kube-controller-manager', local, []],
    ['scheduler', 'system:kube-scheduler', local, []],
  ];
  return files.map(async ([name, user, server, organizations]) => {
    const path = `/etc/kubernetes/${name}.conf`;
    const credential = await issueLeaf(authorities.cluster, { path, commonName: user, organizations, usages: ['clientAuth'] }, { spec, node, nowMs });
    return [{ path, text: kubeadmKubeconfig({ server, caPem: authorities.cluster.certificatePem, credential, user, clusterName: spec.name }), mode: keyMode }];
  });
}

function plainFiles(spec: ClusterSpec, node: NodeSpec, authorities: Authorities): PkiFile[] {
  const caPem = authorities.cluster.certificatePem;
  // kubeadm points the kubelet of a control plane at the API server beside it (ControlPlaneKubeletLocalMode), others at the load balancer.
  const server = node.roles.includes('control-plane') ? `https://${node.address}:6443` : endpointOf(spec);
  const kubelet = isFirst(spec, node)
    ? kubeadmKubeconfig({ server, caPem, credential: { file: currentClient }, user: `system:node:${node.name}`, clusterName: spec.name })
    : joinedKubeconfig({ server, caPem, file: currentClient });
  const { 'node-ip': nodeIp = node.address } = componentFlags(spec, node, 'kubelet');
  return [
    { path: '/etc/kubernetes/kubelet.conf', text: kubelet, mode: keyMode },
    { path: '/var/lib/kubelet/config.yaml', text: kubeletConfiguration('unix:///run/containerd/containerd.sock'), mode: certificateMode },
    {
      path: '/var/lib/kubelet/kubeadm-flags.env',
      text: `KUBELET_KUBEADM_ARGS="${kubeletArguments(spec, node)
        .filter((argument) => !/^--(bootstrap-kubeconfig|kubeconfig|config|node-ip)=|^\//.test(argument))
        .join(' ')}"\n`,
      mode: certificateMode,
    },
    { path: '/etc/default/kubelet', text: `KUBELET_EXTRA_ARGS=--node-ip=${nodeIp}\n`, mode: certificateMode },
    { path: '/var/lib/kubelet/instance-config.yaml', text: 'containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n', mode: certificateMode },
    { path: '/etc/hostname', text: `${node.name}\n`, mode: certificateMode },
    ...(controlPlanes(spec).some((one) => one.name === node.name)
      ? [...staticPods(spec, node).map(({ path, text }) => ({ path, text, mode: 0o600 })), ...auditFiles(spec, node)]
      : []),
  ];
}

/** URL of the load balancer: kubeadm's controlPlaneEndpoint. */
export function endpointOf(spec: ClusterSpec): string {
  return `https://${spec.loadBalancer.address}:${spec.loadBalancer.port}`;
}
