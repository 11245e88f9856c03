/** Names of what a run keeps on nodes and of its artefacts. */

import { fail } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';

/** Folder of a run on a node, 0700 root: staged keys and leaves on their way into place. */
export function stagingDir(site: Pick<Site, 'run'>): string {
  return `/var/lib/rotate-ca/${site.run.id}`;
}

/** Name of the incoming CA at the issuer, by which it is found again after a crash: unique for each run and attempt. */
export function caName(site: Pick<Site, 'run'>): string {
  return `rotate-ca-${site.run.id}-${site.run.attempt}`;
}

/** A name beside a live file, in its folder: only a rename there is atomic. The dot keeps it away from whoever takes every file of a folder, as a kubelet does. */
export function besides(path: string): string {
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash)}/.${path.slice(slash + 1)}.rotate-ca`;
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

/** Before the fingerprints of certificates with which the engine itself has come in: the shadow of distrust knows its own by them. */
export const enginePrefix = 'engine-';

/** Where the incoming CA is kept, and, if its key stays there, the roles under which leaves are issued. Throws file-missing before there is one. */
export function incomingIssuer(site: Pick<Site, 'artefacts' | 'target'>): { readonly issuerId: string; readonly roles?: readonly string[] } {
  const { issuerId, roles } = JSON.parse(site.artefacts.get(artefactNames.incomingIssuer) ?? '{}') as { issuerId?: string; roles?: readonly string[] };
  if (issuerId !== undefined) return { issuerId, ...(roles === undefined ? {} : { roles }) };
  return fail('file-missing', {
    target: site.target,
    summary: 'the run has no incoming CA to sign with',
    cause: 'the record of its issuer is missing among what the run has made',
    nextAction: 'The step issue-ca, or issue-root, must come first in the playbook.',
  });
}
