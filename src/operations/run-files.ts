/** Names of what a run keeps on nodes and of its artefacts. */

import type { Site } from '../ports/step-kind.js';

/** Folder of a run on a node, 0700 root: staged keys and leaves on their way into place. */
export function stagingDir(site: Pick<Site, 'run'>): string {
  return `/var/lib/rotate-ca/${site.run.id}`;
}

export const pki = '/etc/kubernetes/pki';

export const paths = {
  ca: `${pki}/ca.crt`,
  caKey: `${pki}/ca.key`,
  signingCa: `${pki}/signing-ca.crt`,
  signingKey: `${pki}/signing-ca.key`,
  /** What kube-controller-manager publishes while ca.crt is on its way: read at its start only. */
  publishedCa: `${pki}/published-ca.crt`,
  controllerManagerConf: '/etc/kubernetes/controller-manager.conf',
  schedulerConf: '/etc/kubernetes/scheduler.conf',
  adminConf: '/etc/kubernetes/admin.conf',
  superAdminConf: '/etc/kubernetes/super-admin.conf',
  kubeletConf: '/etc/kubernetes/kubelet.conf',
  manifests: '/etc/kubernetes/manifests',
  kubeletPki: '/var/lib/kubelet/pki',
  kubeletClient: '/var/lib/kubelet/pki/kubelet-client-current.pem',
} as const;

/** kube-controller-manager while ca.crt is a bundle: the signer reads exactly one certificate (k/k pkg/controller/certificates/signer/ca_provider.go). */
export const splitSignerFlags: Readonly<Record<string, string>> = {
  'cluster-signing-cert-file': paths.signingCa,
  'cluster-signing-key-file': paths.signingKey,
  'root-ca-file': paths.publishedCa,
};

export const artefactNames = {
  outgoingCa: 'outgoing-ca.pem',
  incomingCa: 'incoming-ca.pem',
  incomingIssuer: 'incoming-issuer.json',
  joinMaterial: 'join.txt',
  finalReport: 'after-distrust.txt',
} as const;
