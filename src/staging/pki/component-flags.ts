/** Command lines of the components as kubeadm 1.34 makes them, with a spec's own flags on top. */

import type { ClusterSpec, NodeSpec } from '../spec.js';

export type StaticComponent = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler';

/** kubeadm's defaults for networks, and those that the manifests and kubeadm-config name. */
export const networks = { pods: '10.244.0.0/16', services: '10.96.0.0/12', firstServiceIp: '10.96.0.1', dnsIp: '10.96.0.10', domain: 'cluster.local' };

const pki = '/etc/kubernetes/pki';

/** Without dashes; kubeadm's own in alphabetical order, then the others. A flag of the spec replaces kubeadm's. */
export function componentFlags(spec: ClusterSpec, node: NodeSpec, component: StaticComponent | 'kubelet'): Record<string, string> {
  const base = Object.fromEntries(Object.entries(defaults(spec, node, component)).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...base, ...node.flags[component] };
}

/** Tags as kubeadm chooses them for its version (cmd/kubeadm/app/constants/constants.go: DefaultEtcdVersion). */
export function imageOf(spec: ClusterSpec, component: StaticComponent): string {
  return `registry.k8s.io/${component}:${component === 'etcd' ? '3.6.5-0' : spec.version}`;
}

function defaults(spec: ClusterSpec, node: NodeSpec, component: StaticComponent | 'kubelet'): Record<string, string> {
  const { address, name } = node;
  switch (component) {
    case 'etcd':
      return {
        'advertise-client-urls': `https://${address}:2379`,
        'cert-file': `${pki}/etcd/server.crt`,
        'client-cert-auth': 'true',
        'data-dir': '/var/lib/etcd',
        'feature-gates': 'InitialCorruptCheck=true',
        'initial-advertise-peer-urls': `https://${address}:2380`,
        'initial-cluster': initialCluster(spec, node),
        // A member that joined says so (phases/etcd/local.go getEtcdCommand).
        ...(isFirst(spec, node) ? {} : { 'initial-cluster-state': 'existing' }),
        'key-file': `${pki}/etcd/server.key`,
        'listen-client-urls': `https://127.0.0.1:2379,https://${address}:2379`,
        'listen-metrics-urls': 'http://127.0.0.1:2381',
        'listen-peer-urls': `https://${address}:2380`,
        name,
        'peer-cert-file': `${pki}/etcd/peer.crt`,
        'peer-client-cert-auth': 'true',
        'peer-key-file': `${pki}/etcd/peer.key`,
        'peer-trusted-ca-file': `${pki}/etcd/ca.crt`,
        'snapshot-count': '10000',
        'trusted-ca-file': `${pki}/etcd/ca.crt`,
        'watch-progress-notify-interval': '5s',
      };
    case 'kube-apiserver':
      return {
        'advertise-address': address,
        'allow-privileged': 'true',
        'authorization-mode': 'Node,RBAC',
        'client-ca-file': `${pki}/ca.crt`,
        'enable-admission-plugins': 'NodeRestriction',
        'enable-bootstrap-token-auth': 'true',
        'etcd-cafile': `${pki}/etcd/ca.crt`,
        'etcd-certfile': `${pki}/apiserver-etcd-client.crt`,
        'etcd-keyfile': `${pki}/apiserver-etcd-client.key`,
        'etcd-servers': 'https://127.0.0.1:2379',
        'kubelet-client-certificate': `${pki}/apiserver-kubelet-client.crt`,
        'kubelet-client-key': `${pki}/apiserver-kubelet-client.key`,
        'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname',
        'proxy-client-cert-file': `${pki}/front-proxy-client.crt`,
        'proxy-client-key-file': `${pki}/front-proxy-client.key`,
        'requestheader-allowed-names': 'front-proxy-client',
        'requestheader-client-ca-file': `${pki}/front-proxy-ca.crt`,
        'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
        'requestheader-group-headers': 'X-Remote-Group',
        'requestheader-username-headers': 'X-Remote-User',
        'secure-port': '6443',
        'service-account-issuer': `https://kubernetes.default.svc.${networks.domain}`,
        'service-account-key-file': `${pki}/sa.pub`,
        'service-account-signing-key-file': `${pki}/sa.key`,
        'service-cluster-ip-range': networks.services,
        'tls-cert-file': `${pki}/apiserver.crt`,
        'tls-private-key-file': `${pki}/apiserver.key`,
      };
    case 'kube-controller-manager':
      return {
        'allocate-node-cidrs': 'true',
        'authentication-kubeconfig': '/etc/kubernetes/controller-manager.conf',
        'authorization-kubeconfig': '/etc/kubernetes/controller-manager.conf',
        'bind-address': '127.0.0.1',
        'client-ca-file': `${pki}/ca.crt`,
        'cluster-cidr': networks.pods,
        'cluster-name': spec.name,
        'cluster-signing-cert-file': `${pki}/ca.crt`,
        'cluster-signing-key-file': `${pki}/ca.key`,
        controllers: '*,bootstrapsigner,tokencleaner',
        kubeconfig: '/etc/kubernetes/controller-manager.conf',
        'leader-elect': 'true',
        'requestheader-client-ca-file': `${pki}/front-proxy-ca.crt`,
        'root-ca-file': `${pki}/ca.crt`,
        'service-account-private-key-file': `${pki}/sa.key`,
        'service-cluster-ip-range': networks.services,
        'use-service-account-credentials': 'true',
      };
    case 'kube-scheduler':
      return {
        'authentication-kubeconfig': '/etc/kubernetes/scheduler.conf',
        'authorization-kubeconfig': '/etc/kubernetes/scheduler.conf',
        'bind-address': '127.0.0.1',
        kubeconfig: '/etc/kubernetes/scheduler.conf',
        'leader-elect': 'true',
      };
    case 'kubelet':
      return {
        'bootstrap-kubeconfig': '/etc/kubernetes/bootstrap-kubelet.conf',
        kubeconfig: '/etc/kubernetes/kubelet.conf',
        config: '/var/lib/kubelet/config.yaml',
        'pod-infra-container-image': 'registry.k8s.io/pause:3.10.1',
        'node-ip': address,
      };
  }
}

export function controlPlanes(spec: ClusterSpec): NodeSpec[] {
  return spec.nodes.filter((node) => node.roles.includes('control-plane'));
}

export function isFirst(spec: ClusterSpec, node: NodeSpec): boolean {
  return controlPlanes(spec)[0]?.name === node.name;
}

/** Each member knows those that were there when it joined. */
function initialCluster(spec: ClusterSpec, node: NodeSpec): string {
  const members = controlPlanes(spec);
  const known = members.slice(0, members.findIndex((member) => member.name === node.name) + 1);
  return known.map((member) => `${member.name}=https://${member.address}:2380`).join(',');
}
