/** The releases of Kubernetes that the lab can make a cluster of: data, and how a user names one. */

export type ReleaseName = '1.34' | '1.30';

export interface Release {
  readonly name: ReleaseName;
  /** As its programs say it, `v1.34.4`. */
  readonly version: string;
  /** The Go modules of lab/build, Kubernetes' own and that of etcd, that its programs come from. */
  readonly modules: { readonly kubernetes: string; readonly etcd: string };
  /** Version of kubeadm.k8s.io that its kubeadm reads; v1beta4 came with 1.31. */
  readonly kubeadmApi: 'v1beta3' | 'v1beta4';
  /** Whether its kubeadm begins nothing without crictl, which the lab cannot have, even if all errors of its checks are to be ignored. */
  readonly kubeadmNeedsCrictl: boolean;
  /** What its kubeadm asks for (k/k cmd/kubeadm/app/constants/constants.go); CoreDNS is the same program under either tag. */
  readonly images: { readonly etcd: string; readonly pause: string; readonly coredns: string };
  /** Of its kubeadm's ClusterConfiguration; v1beta3 has no such field, and makes RSA-2048. */
  readonly encryptionAlgorithms: readonly string[];
  /** Whether its programs, images and root file system lie with those that all labs share, or below the root of its own lab. */
  readonly built: 'shared' | 'apart';
}

const registry = 'registry.k8s.io';

export const releases: Readonly<Record<ReleaseName, Release>> = {
  '1.34': {
    name: '1.34',
    version: 'v1.34.4',
    modules: { kubernetes: 'kubernetes', etcd: 'etcd' },
    kubeadmApi: 'v1beta4',
    kubeadmNeedsCrictl: false,
    // The programs behind the tag of etcd are 3.6.16.
    images: { etcd: `${registry}/etcd:3.6.5-0`, pause: `${registry}/pause:3.10.1`, coredns: `${registry}/coredns/coredns:v1.12.1` },
    encryptionAlgorithms: ['RSA-2048', 'RSA-3072', 'RSA-4096', 'ECDSA-P256'],
    built: 'shared',
  },
  '1.30': {
    name: '1.30',
    version: 'v1.30.14',
    modules: { kubernetes: 'kubernetes-1.30', etcd: 'etcd-3.5' },
    kubeadmApi: 'v1beta3',
    kubeadmNeedsCrictl: true,
    images: { etcd: `${registry}/etcd:3.5.15-0`, pause: `${registry}/pause:3.9`, coredns: `${registry}/coredns/coredns:v1.11.3` },
    encryptionAlgorithms: ['RSA-2048'],
    built: 'apart',
  },
};

/** `1.30`, `v1.30`, `1.30.14` or `v1.30.14`: undefined if the lab has no such release. */
export function releaseOf(word: string): Release | undefined {
  const bare = word.replace(/^v/, '');
  return Object.values(releases).find(({ name, version }) => bare === name || `v${bare}` === version);
}
