import { stringify } from 'yaml';
import { kubeletOnThisMachine, proxyOnThisMachine } from '../cluster/this-machine.js';
import type { Lab, LabNode } from '../lab.js';
import { etcdUser, nodePaths } from './folders.js';
import { clusterDomain, dnsAddress } from './service-addresses.js';

const { pki, authority, etcdPki } = nodePaths;

/** A variable of an EnvironmentFile with flags in it, which systemd splits at blanks. */
function flagsVariable(name: string, flags: readonly string[]): string {
  return `${name}="${flags.join(' ')}"\n`;
}

/** etcd takes its flags from variables of these names by itself. */
export function etcdEnvironment(lab: Lab, node: LabNode): string {
  const url = (ip: string, port: number): string => `https://${ip}:${port}`;
  const members = lab.controlPlanes.map(({ name, ip }) => `${name}=${url(ip, 2380)}`);
  const variables = {
    ETCD_NAME: node.name,
    ETCD_LISTEN_CLIENT_URLS: [node.ip, '127.0.0.1'].map((ip) => url(ip, 2379)).join(','),
    ETCD_ADVERTISE_CLIENT_URLS: url(node.ip, 2379),
    ETCD_LISTEN_METRICS_URLS: 'http://127.0.0.1:2381',
    ETCD_LISTEN_PEER_URLS: url(node.ip, 2380),
    ETCD_INITIAL_ADVERTISE_PEER_URLS: url(node.ip, 2380),
    ETCD_INITIAL_CLUSTER: members.join(','),
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

/** One pair serves, asks etcd, and asks kubelets; its key signs the service accounts' tokens, which is why they die with it. */
export function apiServerEnvironment(lab: Lab, node: LabNode): string {
  const pair = [`${pki}/apiserver.pem`, `${pki}/apiserver-key.pem`] as const;
  const etcd = lab.controlPlanes.map(({ ip }) => `https://${ip}:2379`).join(',');
  return [
    flagsVariable('KUBE_ETCD_ARGS', [`--etcd-servers=${etcd}`, `--etcd-cafile=${authority}`, `--etcd-certfile=${pair[0]}`, `--etcd-keyfile=${pair[1]}`]),
    flagsVariable('KUBE_KUBELET_ARGS', [`--kubelet-client-certificate=${pair[0]}`, `--kubelet-client-key=${pair[1]}`, '--kubelet-preferred-address-types=InternalIP']),
    flagsVariable('KUBE_API_ARGS', [
      `--advertise-address=${node.ip}`,
      `--service-cluster-ip-range=${lab.layout.serviceNetwork}`,
      `--service-account-issuer=https://kubernetes.default.svc.${clusterDomain}`,
      `--service-account-key-file=${pair[1]}`,
      `--service-account-signing-key-file=${pair[1]}`,
      '--audit-policy-file=/etc/kubernetes/audit/policy.yaml',
      '--audit-log-path=/var/log/kubernetes/audit.log',
      '--audit-log-maxsize=100',
      '--audit-log-maxbackup=4',
    ]),
  ].join('');
}

/** No `--cluster-signing-*`: the key is in Vault, and nobody in the cluster signs. The nodes' networks were given out by hand. */
export function controllerManagerEnvironment(lab: Lab): string {
  return flagsVariable('KUBE_CONTROLLER_MANAGER_ARGS', [
    `--service-account-private-key-file=${pki}/apiserver-key.pem`,
    `--cluster-cidr=${lab.layout.podNetwork}`,
    `--service-cluster-ip-range=${lab.layout.serviceNetwork}`,
    '--cluster-name=hard-way',
    '--leader-elect=true',
    '--bind-address=127.0.0.1',
  ]);
}

export function schedulerEnvironment(): string {
  return flagsVariable('KUBE_SCHEDULER_ARGS', ['--kubeconfig=/etc/kubernetes/scheduler.kubeconfig', '--leader-elect=true', '--bind-address=127.0.0.1']);
}

export function kubeletEnvironment(node: LabNode): string {
  return flagsVariable('KUBELET_ARGS', ['--kubeconfig=/etc/kubernetes/kubelet.kubeconfig', `--node-ip=${node.ip}`, `--hostname-override=${node.name}`]);
}

export function proxyEnvironment(node: LabNode): string {
  return flagsVariable('KUBE_PROXY_ARGS', [`--hostname-override=${node.name}`]);
}

/** Neither a certificate of its own to serve with nor a signer to ask for one: the kubelet makes itself one, `kubelet.crt`. */
export function kubeletConfiguration(lab: Lab, node: LabNode): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: authority } },
    authorization: { mode: 'Webhook' },
    clusterDomain,
    clusterDNS: [dnsAddress(lab.layout)],
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    rotateCertificates: false,
    ...(node.role === 'control-plane' && lab.layout.controlPlane === 'static-pods' ? { staticPodPath: nodePaths.manifests } : {}),
    ...(node.role === 'control-plane' ? { registerWithTaints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } : {}),
    ...kubeletOnThisMachine,
  });
}

export function proxyConfiguration(lab: Lab): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: '/etc/kubernetes/proxy.kubeconfig' },
    mode: 'iptables',
    clusterCIDR: lab.layout.podNetwork,
    ...proxyOnThisMachine,
  });
}
