/** A staging cluster like one that was made by hand and scanned: its nodes, names, version, workloads and token Secrets, in the files of staging's own hard-way layout. */

import { type Inventory, type NodeRecord, nodesWith } from '../domain/cluster/inventory.js';
import { addressesOf, type SpecPlace } from './addresses.js';
import type { CaCopySpec, ClusterSpec, NodeSpec } from './spec.js';
import { unseenIn, versionOf } from './scan-gaps.js';
import { specOfTopology } from './topology.js';
import { workloadsOf } from './workloads-from-inventory.js';

/** Does systemd run its API servers? */
export function isHandMade(inventory: Inventory): boolean {
  return nodesWith(inventory, 'control-plane').some(({ components }) => components.some(({ name, unit }) => name === 'kube-apiserver' && unit !== undefined));
}

/** Never fails: what cannot be made alike is a line of `notReproduced`. No key material goes in or comes out. */
export function specOfHandMade(inventory: Inventory, place: SpecPlace): ClusterSpec {
  const missing: string[] = [];
  const addresses = addressesOf(place.block);
  const masters = nodesWith(inventory, 'control-plane');
  const workers = inventory.nodes.filter((node) => !masters.includes(node));
  const usual = specOfTopology('hard-way', place);
  const version = versionOf(inventory, missing);
  missing.push(...unseenIn(inventory));
  const keyType = certificatesBehind(masters, 'tls-cert-file')[0]?.keyType;
  missing.push(
    `addresses: the nodes are at 127.${place.block}.x.y, the API at ${addresses.loadBalancer.address}:${addresses.loadBalancer.port}`,
    'SSH: every node is reached directly, as user sre with sudo, on port 2222',
    'files: units, flags, paths, subjects and lives of certificates are those of "--topology hard-way"; the CA is in the mount pki_k8s of the staging Vault, with its roles',
    'tokens: every workload lives on a projected token; which of them mount a token Secret is not in an inventory',
  );
  if (keyType === 'other') missing.push('keys: their kind cannot be made; here they are RSA-2048');
  const lacking = masters.filter(({ components }) => !components.some(({ name }) => name === 'etcd')).map(({ name }) => name);
  if (lacking.length > 0) missing.push(`etcd is elsewhere; here a member is on ${lacking.join(', ')} too`);
  return {
    ...usual,
    name: masters[0]?.components.find(({ name }) => name === 'kube-controller-manager')?.flags['cluster-name'] ?? usual.name,
    version,
    leafKeyType: keyType === undefined || keyType === 'other' ? usual.leafKeyType : keyType,
    nodes: [
      ...masters.map((node, index) => nodeLike(version, node, addresses.controlPlane(index))),
      ...workers.map((node, index) => nodeLike(version, node, addresses.worker(index))),
    ],
    namespaces: [...new Set(inventory.objects.map(({ namespace }) => namespace).filter((namespace) => namespace !== ''))].sort(),
    ...workloadsOf(inventory, missing),
    tokenSecrets: 0,
    tokenSecretNames: inventory.objects
      .filter(({ kind, writer, field }) => kind === 'Secret' && writer === 'kube-controller-manager' && field === '/data/ca.crt')
      .map(({ namespace, name }) => ({ namespace, name })),
    caCopies: copiesOf(inventory, masters, missing),
    notReproduced: missing,
  };
}

function nodeLike(version: string, record: NodeRecord, address: string): NodeSpec {
  return {
    name: record.name,
    roles: record.roles,
    address,
    sshPort: 2222,
    ...(record.kubeletVersion === version || record.kubeletVersion === '' ? {} : { kubeletVersion: record.kubeletVersion }),
    // etcdctl is not looked for by a scan, and a cutover needs it.
    tools: { ...record.tools, etcdctl: record.roles.includes('control-plane') },
    leaves: [],
    flags: {},
  };
}

/** In the file that a flag of the API servers names. */
function certificatesBehind(masters: readonly NodeRecord[], flag: string): NodeRecord['files'][number]['certificates'] {
  return masters.flatMap(({ components, files }) => {
    const path = components.find(({ name }) => name === 'kube-apiserver')?.flags[flag];
    return files.find((file) => file.path === path)?.certificates ?? [];
  });
}

function copiesOf(inventory: Inventory, masters: readonly NodeRecord[], missing: string[]): CaCopySpec[] {
  const own = new Set(certificatesBehind(masters, 'client-ca-file').map(({ fingerprint }) => fingerprint));
  return inventory.objects
    .filter(({ writer }) => writer === 'none')
    .flatMap(({ apiVersion, kind, namespace, name, field, encoding, certificates }) => {
      if (certificates.some(({ fingerprint }) => own.has(fingerprint))) return [{ apiVersion, kind, namespace, name, field, encoding, ca: 'cluster' as const }];
      missing.push(`${kind} ${namespace === '' ? '' : `${namespace}/`}${name}: its certificates are of other CAs; it is left out`);
      return [];
    });
}
