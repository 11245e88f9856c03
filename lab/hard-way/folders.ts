import { join } from 'node:path';
import type { LabPaths } from '../lab.js';

/** What this layout has below its root beside what every lab has. Programs and images are built, and kept over `down`. */
export function hardWayFolders(paths: LabPaths): Readonly<Record<'programs' | 'images' | 'layer' | 'leaves', string>> {
  return {
    programs: join(paths.root, 'bin'),
    images: join(paths.root, 'images'),
    layer: join(paths.root, 'rootfs-layer'),
    leaves: join(paths.root, 'leaves'),
  };
}

/** Files of the nodes that several parts name. The folders are the article's, names as in its template of apiserver. */
export const nodePaths = {
  pki: '/etc/kubernetes/pki',
  authority: '/etc/kubernetes/pki/ca.pem',
  etcdPki: '/etc/etcd/pki',
  kubeletConfig: '/var/lib/kubelet/kubelet-config.yaml',
  /** Not the folder of kubeadm: nothing may rely on its name. */
  manifests: '/etc/kubernetes/manifests-hard',
  proxyConfig: '/var/lib/kube-proxy/kube-proxy-config.yaml',
} as const;

/** User and group of etcd, in every node. */
export const etcdUser = { name: 'etcd', id: 960 } as const;
