/** Kubeconfigs as kubeadm and the kubelet write them. */

import { stringify } from 'yaml';
import type { Leaf } from './leaves.js';

export interface KubeconfigParts {
  /** https://HOST:PORT */
  readonly server: string;
  /** PEM. */
  readonly caPem: string;
  readonly cluster: string;
  readonly user: string;
  readonly context: string;
  readonly namespace?: string;
  /** Embedded pair, or the file in which the kubelet keeps its own. */
  readonly credential: Leaf | { readonly file: string };
}

/** kubeadm: CA, certificate and key as base64 data (cmd/kubeadm/app/util/kubeconfig/kubeconfig.go CreateWithCerts). */
export function writeKubeconfig(parts: KubeconfigParts): string {
  const { credential } = parts;
  const user =
    'file' in credential
      ? { 'client-certificate': credential.file, 'client-key': credential.file }
      : { 'client-certificate-data': base64(credential.certificatePem), 'client-key-data': credential.keyPem.reveal().toString('base64') };
  return stringify(
    {
      apiVersion: 'v1',
      clusters: [{ cluster: { 'certificate-authority-data': base64(parts.caPem), server: parts.server }, name: parts.cluster }],
      contexts: [{ context: { cluster: parts.cluster, ...(parts.namespace === undefined ? {} : { namespace: parts.namespace }), user: parts.user }, name: parts.context }],
      'current-context': parts.context,
      kind: 'Config',
      users: [{ name: parts.user, user }],
    },
    { lineWidth: 0, indentSeq: false },
  );
}

/** As `writeKubeconfig` with the names that kubeadm gives: USER@kubernetes. */
export function kubeadmKubeconfig(parts: Pick<KubeconfigParts, 'server' | 'caPem' | 'credential'> & { readonly user: string; readonly clusterName: string }): string {
  return writeKubeconfig({ ...parts, cluster: parts.clusterName, context: `${parts.user}@${parts.clusterName}` });
}

/** A node that joined: the kubelet itself has written it after its bootstrap (k/k pkg/kubelet/certificate/bootstrap/bootstrap.go writeKubeconfigFromBootstrapping). */
export function joinedKubeconfig(parts: Pick<KubeconfigParts, 'server' | 'caPem'> & { readonly file: string }): string {
  return writeKubeconfig({ ...parts, cluster: 'default-cluster', user: 'default-auth', context: 'default-context', namespace: 'default', credential: { file: parts.file } });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
