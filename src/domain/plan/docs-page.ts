/**
 * The page of the Kubernetes documentation "Manual Rotation of CA Certificates", held against the steps of a plan. Data.
 * Source: kubernetes/website content/en/docs/tasks/tls/manual-rotation-of-ca-certificates.md, as of the sites of v1.25 to v1.34.
 */

import type { PlannedStep } from './plan.js';

/** Its steps in our words: 9 has parts. */
export const pageSteps: Readonly<Record<string, string>> = {
  before: 'back up the certificate directory and configuration',
  '1': 'put the incoming CA and its key on the control planes',
  '2': 'kube-controller-manager: --root-ca-file with both, restart; signer in a file of its own',
  '3': 'wait until token Secrets hold both',
  '4': 'restart pods that use the in-cluster configuration',
  '5': 'kube-apiserver: --client-ca-file and --kubelet-certificate-authority with both',
  '6': 'kube-scheduler: client CA with both',
  '7': 'kubeconfigs of users: new leaf, both CAs',
  '8': 'cloud-controller-manager: --root-ca-file with both',
  '9a': 'restart aggregated API servers and webhooks',
  '9b': 'kubelets: clientCAFile and kubelet.conf with both, restart',
  '9c': 'API servers: leaves of the incoming CA; then the scheduler',
  '9d': 'roll Deployments and DaemonSets',
  '10': 'cluster-info with the incoming CA',
  '11': 'read logs for TLS errors',
  '12': 'drop the outgoing CA from Secrets, kubeconfigs, flags and kubelets, restart',
};

type Match = string | ((params: Readonly<Record<string, unknown>>) => readonly string[]);

const narrows = (params: Readonly<Record<string, unknown>>): boolean => Array.isArray(params.trusts) && !params.trusts.includes('outgoing');

const byKind: Readonly<Record<string, readonly Match[]>> = {
  'back-up-nodes': ['before'],
  'issue-ca': ['1'],
  'renew-control-plane': [(p) => (narrows(p) ? ['12'] : p.identity === 'incoming' ? ['9c'] : ['2', '6'])],
  'await-publication': [(p) => (narrows(p) ? ['12'] : ['3'])],
  'set-server-trust': [(p) => (narrows(p) ? ['12'] : ['5', '9b'])],
  'renew-kubelets': [(p) => (narrows(p) ? ['12'] : ['9b'])],
  'renew-admins': [(p) => (narrows(p) ? ['12'] : ['7'])],
  'update-objects': [(p) => (narrows(p) ? ['12'] : ['10'])],
  'roll-workloads': [(p) => (p.on === 'back' ? [] : ['4', '9a', '9d'])],
  'reissue-leaves': ['9c'],
  'verify-distrust': ['11'],
  'put-in-place': ['1', '5', '7', '9b', '9c'],
  'restart-units': [(p) => (p.on === 'back' ? [] : ['2', '9b', '9c'])],
  'clear-service-account-tokens': ['12'],
};

/** Numbers of the page's steps that a step of a plan covers; empty: the page has nothing of it. */
export function pageStepsOf({ kind, params }: Pick<PlannedStep, 'kind' | 'params'>): string[] {
  return (byKind[kind] ?? []).flatMap((match) => (typeof match === 'string' ? [match] : match(params)));
}

/** What the page leaves out and can break a cluster. */
export const leftOutByThePage: readonly string[] = [
  'an order between nodes: its step 9c shows kubelets a leaf of the incoming CA, which holds only once 9b is done on all of them',
  'which pods hold the outgoing CA in memory, and since when',
  'the signer: kubelets that renew in between get leaves of whichever CA signs then',
  'extension-apiserver-authentication, to which API servers only ever add',
  'webhooks, API services and conversions whose caBundle is the CA',
  'etcd where it shares the CA, keys of tokens that the CA has certified, serving leaves of kubelets',
  'kubeadm-config, from which an upgrade writes the flags again',
  'a way back, and what to do when a step stops half-way',
];
