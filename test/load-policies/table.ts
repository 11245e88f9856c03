/** All experiments, those that take long last. */

import type { Release } from '../../lab/release.js';
import { apiCallers } from './api-callers.js';
import { apiConfiguration } from './api-configuration.js';
import { apiFiles } from './api-files.js';
import { clientExperiments } from './clients.js';
import type { Experiment } from './experiment.js';
import { kubelets } from './kubelets.js';
import { managers } from './managers.js';

export function experiments({ name, version }: Release): readonly Experiment[] {
  const minor = Number(name.split('.')[1]);
  return [...kubelets(minor), ...apiConfiguration, ...apiFiles, ...apiCallers, ...managers, ...clientExperiments({ minor, version })];
}

/** Rows that behaviours of the table of fidelity are about; they run on the lab of each release too. */
export const rowsOfBehaviours: Readonly<Record<string, Experiment['rows']>> = {
  'api-client-ca-is-hot': [['kube-apiserver', 'client-ca-file']],
  'api-serving-pair-is-hot': [['kube-apiserver', 'tls-cert-file']],
  'api-polls-its-kubelet-pair': [['kube-apiserver', 'kubelet-client-certificate']],
  'kubelet-client-ca-is-hot': [['kubelet', 'clientCAFile']],
  'kubelet-reads-its-ca-at-start': [['kubelet', 'kubeconfig']],
  'kubelet-takes-another-pem-at-start': [['kubelet', 'kubelet-client-current.pem']],
  'publisher-read-its-file-at-start': [['kube-controller-manager', 'root-ca-file']],
  'manager-with-files-of-its-own': [['kube-controller-manager', 'cluster-signing-cert-file']],
  'etcd-reads-its-pair-at-each-handshake': [
    ['etcd', 'cert-file'],
    ['etcd', 'trusted-ca-file'],
  ],
};
