/** Files of a hard-way node that several parts name: those of lab/hard-way/folders.ts. */

export const nodePaths = {
  pki: '/etc/kubernetes/pki',
  authority: '/etc/kubernetes/pki/ca.pem',
  etcdPki: '/etc/etcd/pki',
  kubeletConfig: '/var/lib/kubelet/kubelet-config.yaml',
  proxyConfig: '/var/lib/kube-proxy/kube-proxy-config.yaml',
  admin: '/etc/kubernetes/admin.kubeconfig',
} as const;

/** User and group of etcd, on every node. */
export const etcdUser = { name: 'etcd', id: 960 } as const;
