/** One CA or key that plays two roles: rotating one role would rotate the other with it, unasked. */

import { fileOf, type Inventory, nodesWith } from '../../domain/cluster/inventory.js';
import { failure, type Failure } from '../../domain/errors.js';
import { pki } from '../../operations/run-files.js';

const cas = [
  { role: 'cluster CA', path: `${pki}/ca.crt` },
  { role: 'etcd CA', path: `${pki}/etcd/ca.crt` },
  { role: 'front-proxy CA', path: `${pki}/front-proxy-ca.crt` },
] as const;

/** Compared by public key, not by name or certificate: a CA that was signed again with its key is still the same CA. */
export function sharedRoles(inventory: Inventory): Failure[] {
  const failures: Failure[] = [];
  for (const node of nodesWith(inventory, 'control-plane')) {
    const keys = new Map<string, string>();
    for (const { role, path } of cas) {
      for (const certificate of fileOf(node, path)?.certificates ?? []) {
        const before = keys.get(certificate.spki);
        if (before !== undefined && before !== role) failures.push(shared(node.name, before, role));
        keys.set(certificate.spki, role);
      }
    }
    const tokens = tokenKey(inventory, node.name);
    const leaf = fileOf(node, `${pki}/apiserver.crt`)?.certificates[0]?.spki;
    if (tokens !== undefined && leaf === tokens) keys.set(leaf, 'API server key');
    const role = tokens === undefined ? undefined : keys.get(tokens);
    if (role !== undefined) failures.push(shared(node.name, role, 'service-account token key'));
  }
  return failures;
}

/** SPKI hash of the key that signs service-account tokens, if the scan could tell. */
export function tokenKey(inventory: Inventory, node: string): string | undefined {
  const record = inventory.nodes.find((n) => n.name === node);
  if (record === undefined) return undefined;
  return fileOf(record, `${pki}/sa.pub`)?.keySpki ?? fileOf(record, `${pki}/sa.key`)?.keySpki;
}

function shared(target: string, one: string, other: string): Failure {
  return failure('ca-shared', {
    target,
    summary: `the ${one} is also the ${other}`,
    cause: 'they have the same public key',
    nextAction: 'Separate the two first: this playbook rotates the cluster CA alone.',
  });
}
