/** Environment files of the units, and configuration files that their flags name: those of lab/hard-way/component-files.ts. */

import { stringify } from 'yaml';
import { controlPlanes, networks } from '../pki/component-flags.js';
import type { ClusterSpec, NodeSpec } from '../spec.js';
import { etcdUser, nodePaths } from './paths.js';

const { pki, authority, etcdPki } = nodePaths;

/** Of each unit: the file that it reads. */
export function environmentFiles(spec: ClusterSpec, node: NodeSpec): ReadonlyMap<string, { readonly path: string; readonly text: string }> {
  return new Map([
    ['etcd', { path: '/etc/etcd/etcd.env', text: etcd(spec, node) }],
    ['kube-apiserver', { path: '/etc/kubernetes/apiserver.env', text: apiServer(spec, node) }],
    ['kube-controller-manager', { path: '/etc/kubernetes/controller-manager.env', text: controllerManager(spec) }],
    [
      'kube-scheduler',
      {
        path: '/etc/kubernetes/scheduler.env',
        text: flagsVariable('KUBE_SCHEDULER_ARGS', ['--kubeconfig=/etc/kubernetes/scheduler.kubeconfig', '--leader-elect=true', '--bind-address=127.0.0.1']),
      },
    ],
    [
      'kubelet',
      {
        path: '/etc/kubernetes/kubelet.env',
        text: flagsVariable('KUBELET_ARGS', ['--kubeconfig=/etc/kubernetes/kubelet.kubeconfig', `--node-ip=${node.address}`, `--hostname-override=${node.name}`]),
      },
    ],
    ['kube-proxy', { path: '/etc/kubernetes/proxy.env', text: flagsVariable('KUBE_PROXY_ARGS', [`--hostname-override=${node.name}`]) }],
  ]);
}

/** A variable with flags in it, which systemd splits at blanks. */
function flagsVariable(name: string, flags: readonly string[]): string {
  return `${name}="${flags.join(' ')}"\n`;
}

/** etcd takes its flags from variables of these names by itself. */
function etcd(spec: ClusterSpec, node: NodeSpec): string {
  const url = (address: string, port: number): string => `https://${address}:${port}`;
  const variables = {
    ETCD_NAME: node.name,
    ETCD_LISTEN_CLIENT_URLS: [node.address, '127.0.0.1'].map((address) => url(address, 2379)).join(','),
    ETCD_ADVERTISE_CLIENT_URLS: url(node.address, 2379),
    ETCD_LISTEN_METRICS_URLS: 'http://127.0.0.1:2381',
    ETCD_LISTEN_PEER_URLS: url(node.address, 2380),
    ETCD_INITIAL_ADVERTISE_PEER_URLS: url(node.address, 2380),
    ETCD_INITIAL_CLUSTER: controlPlanes(spec)
      .map(({ name, address }) => `${name}=${url(address, 2380)}`)
      .join(','),
    ETCD_INITIAL_CLUSTER_STATE: 'new',
    ETCD_INITIAL_CLUSTER_TOKEN: etcdUser.name,
    ETCD_PEER_CLIENT_CERT_AUTH: 'true',
    ETCD_PEER_CERT_FILE: `${etcdPki}/etcd.pem`,
    ETCD_PEER_KEY_FILE: `${etcdPki}/etcd-key.pem`,
    ETCD_PEER_TRUSTED_CA_FILE: `${etcdPki}/ca.pem`,
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** One pair serves, asks etcd, and asks kubelets; its key signs the tokens of service accounts, which is why they die with it. */
function apiServer(spec: ClusterSpec, node: NodeSpec): string {
  const [certificate, key] = [`${pki}/apiserver.pem`, `${pki}/apiserver-key.pem`];
  const members = controlPlanes(spec)
    .map(({ address }) => `https://${address}:2379`)
    .join(',');
  return [
    flagsVariable('KUBE_ETCD_ARGS', [`--etcd-servers=${members}`, `--etcd-cafile=${authority}`, `--etcd-certfile=${certificate}`, `--etcd-keyfile=${key}`]),
    flagsVariable('KUBE_KUBELET_ARGS', [`--kubelet-client-certificate=${certificate}`, `--kubelet-client-key=${key}`, '--kubelet-preferred-address-types=InternalIP']),
    flagsVariable('KUBE_API_ARGS', [
      `--advertise-address=${node.address}`,
      `--service-cluster-ip-range=${networks.services}`,
      `--service-account-issuer=https://kubernetes.default.svc.${networks.domain}`,
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
    ]),
  ].join('');
}

/** No `--cluster-signing-*`: the key is in Vault, and nobody in the cluster signs. */
function controllerManager(spec: ClusterSpec): string {
  return flagsVariable('KUBE_CONTROLLER_MANAGER_ARGS', [
    `--service-account-private-key-file=${pki}/apiserver-key.pem`,
    `--cluster-cidr=${networks.pods}`,
    `--service-cluster-ip-range=${networks.services}`,
    `--cluster-name=${spec.name}`,
    '--leader-elect=true',
    '--bind-address=127.0.0.1',
  ]);
}

/** Neither a certificate of its own to serve with nor a signer to ask for one: the kubelet makes itself one, `kubelet.crt`. */
export function kubeletConfiguration(node: NodeSpec): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: authority } },
    authorization: { mode: 'Webhook' },
    clusterDomain: networks.domain,
    clusterDNS: [networks.dnsIp],
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    rotateCertificates: false,
    ...(node.roles.includes('control-plane') ? { registerWithTaints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } : {}),
  });
}

export function proxyConfiguration(): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: '/etc/kubernetes/proxy.kubeconfig' },
    mode: 'iptables',
    clusterCIDR: networks.pods,
  });
}
