/** The certificates of a kubeadm control plane: who signs each, what for, for which names, where it is and how it is reloaded. Reference: sections 1.1 to 1.3. */

export type Signer = 'cluster-ca' | 'front-proxy-ca' | 'etcd-ca';

/**
 * When a reader takes a changed file. `H`: within about a minute; `HS`: at each handshake; `P5`: at the next handshake or within 5 minutes;
 * `R`: at restart only.
 */
export type LoadPolicy = 'H' | 'HS' | 'P5' | 'R';

export interface CertificateProfile {
  /** Path of the certificate below /etc/kubernetes/pki, without its ending. */
  readonly name: string;
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly signer: Signer;
  /** undefined: the name of the node. */
  readonly commonName: string | undefined;
  readonly organizations: readonly string[];
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
  /** `same`: the names that the outgoing one has are asked for again; `none`: it must have none. */
  readonly sans: 'same' | 'none';
  /** The component that presents it; `kubeadm` for those that only its commands and operators use. */
  readonly owner: 'kube-apiserver' | 'etcd' | 'kubeadm';
  readonly load: LoadPolicy;
}

export interface KubeconfigProfile {
  readonly path: string;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly owner: 'operators' | 'kube-controller-manager' | 'kube-scheduler';
  readonly load: LoadPolicy;
}

export interface CaProfile {
  readonly signer: Signer;
  readonly certificatePath: string;
  readonly keyPath: string;
}

const pki = '/etc/kubernetes/pki';

/** Since 1.29 kubeadm uses the group kubeadm:cluster-admins; before, and in clusters made before, it is system:masters: keep that of the outgoing leaf. */
export const certificateProfiles: readonly CertificateProfile[] = [
  profile('apiserver', { signer: 'cluster-ca', commonName: 'kube-apiserver', usages: ['serverAuth'], sans: 'same', owner: 'kube-apiserver', load: 'H' }),
  profile('apiserver-kubelet-client', {
    signer: 'cluster-ca',
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['kubeadm:cluster-admins'],
    usages: ['clientAuth'],
    sans: 'none',
    owner: 'kube-apiserver',
    load: 'P5',
  }),
  profile('front-proxy-client', { signer: 'front-proxy-ca', commonName: 'front-proxy-client', usages: ['clientAuth'], sans: 'none', owner: 'kube-apiserver', load: 'H' }),
  profile('apiserver-etcd-client', { signer: 'etcd-ca', commonName: 'kube-apiserver-etcd-client', usages: ['clientAuth'], sans: 'none', owner: 'kube-apiserver', load: 'HS' }),
  profile('etcd/server', { signer: 'etcd-ca', commonName: undefined, usages: ['serverAuth', 'clientAuth'], sans: 'same', owner: 'etcd', load: 'HS' }),
  profile('etcd/peer', { signer: 'etcd-ca', commonName: undefined, usages: ['serverAuth', 'clientAuth'], sans: 'same', owner: 'etcd', load: 'HS' }),
  profile('etcd/healthcheck-client', { signer: 'etcd-ca', commonName: 'kube-etcd-healthcheck-client', usages: ['clientAuth'], sans: 'none', owner: 'kubeadm', load: 'R' }),
];

/** All of them under the cluster CA, with embedded data, so read once. The kubelet's own is not among them: its certificate is a file of the kubelet. */
export const kubeconfigProfiles: readonly KubeconfigProfile[] = [
  { path: '/etc/kubernetes/admin.conf', commonName: 'kubernetes-admin', organizations: ['kubeadm:cluster-admins'], owner: 'operators', load: 'R' },
  // On the first control plane only.
  { path: '/etc/kubernetes/super-admin.conf', commonName: 'kubernetes-super-admin', organizations: ['system:masters'], owner: 'operators', load: 'R' },
  { path: '/etc/kubernetes/controller-manager.conf', commonName: 'system:kube-controller-manager', organizations: [], owner: 'kube-controller-manager', load: 'R' },
  { path: '/etc/kubernetes/scheduler.conf', commonName: 'system:kube-scheduler', organizations: [], owner: 'kube-scheduler', load: 'R' },
];

/** Byte for byte the same on every control plane. */
export const caProfiles: readonly CaProfile[] = [
  { signer: 'cluster-ca', certificatePath: `${pki}/ca.crt`, keyPath: `${pki}/ca.key` },
  { signer: 'front-proxy-ca', certificatePath: `${pki}/front-proxy-ca.crt`, keyPath: `${pki}/front-proxy-ca.key` },
  { signer: 'etcd-ca', certificatePath: `${pki}/etcd/ca.crt`, keyPath: `${pki}/etcd/ca.key` },
];

function profile(
  name: string,
  rest: Omit<CertificateProfile, 'name' | 'certificatePath' | 'keyPath' | 'organizations'> & { readonly organizations?: readonly string[] },
): CertificateProfile {
  return { organizations: [], ...rest, name, certificatePath: `${pki}/${name}.crt`, keyPath: `${pki}/${name}.key` };
}
