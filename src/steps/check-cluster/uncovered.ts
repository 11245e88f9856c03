/** Layouts with a trust or a leaf of the cluster CA that no step of the playbook takes along. Found at the end they would be an outage. */

import { type Inventory, type NodeRecord, nodesWith } from '../../domain/cluster/inventory.js';
import { failure, type Failure } from '../../domain/errors.js';
import { paths, pki } from '../../operations/run-files.js';

/** Flags of kube-apiserver that read a CA once, at start (reference 4.7, policy R). */
const readOnce = ['kubelet-certificate-authority', 'peer-ca-file', 'egress-selector-config-file'];

/** Where the steps write. */
const expected: Readonly<Record<string, string>> = {
  'client-ca-file': paths.ca,
  'tls-cert-file': `${pki}/apiserver.crt`,
  'tls-private-key-file': `${pki}/apiserver.key`,
  'kubelet-client-certificate': `${pki}/apiserver-kubelet-client.crt`,
  'kubelet-client-key': `${pki}/apiserver-kubelet-client.key`,
};

export function uncovered(inventory: Inventory): Failure[] {
  return [...nodesWith(inventory, 'control-plane').flatMap(flagsOf), ...inventory.nodes.flatMap(servingOf)];
}

function flagsOf(node: NodeRecord): Failure[] {
  const flags = node.components.find((c) => c.name === 'kube-apiserver')?.flags ?? {};
  const once = readOnce
    .filter((flag) => (flags[flag] ?? '') !== '')
    .map((flag) => unsupported(node, `kube-apiserver has --${flag}=${flags[flag]}`, 'it is read once at start, and no step of this playbook restarts API servers'));
  const elsewhere = Object.entries(expected)
    .filter(([flag, path]) => (flags[flag] ?? path) !== path)
    .map(([flag, path]) => unsupported(node, `kube-apiserver has --${flag}=${flags[flag]}`, `the steps of this playbook write ${path}`));
  return [...once, ...elsewhere];
}

/** serverTLSBootstrap: the kubelet's serving certificate comes from the signer, and its requests wait for approval (reference 6.44). */
function servingOf(node: NodeRecord): Failure[] {
  const cas = new Set(node.files.filter((f) => f.path === paths.ca).flatMap((f) => f.certificates.map((c) => c.subject)));
  const file = node.files.find((f) => f.path === `${paths.kubeletPki}/kubelet-server-current.pem`);
  if (file === undefined || !file.certificates.some((c) => cas.has(c.issuer))) return [];
  return [unsupported(node, `${file.path} is a leaf of the cluster CA (serverTLSBootstrap)`, 'no step of this playbook issues serving certificates of kubelets anew')];
}

function unsupported(node: NodeRecord, summary: string, cause: string): Failure {
  return failure('layout-unsupported', { target: node.name, summary, cause, nextAction: 'Take it out for the time of the run, or use a playbook for this layout.' });
}
