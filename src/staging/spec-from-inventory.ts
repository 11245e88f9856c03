/** A staging cluster like one that was scanned: same nodes, roles, files, key types, names, validity, flags, versions and workloads; fresh keys, loopback addresses. */

import { fileOf, type Inventory, type NodeRecord, nodesWith } from '../domain/cluster/inventory.js';
import { addressesOf, type SpecPlace } from './addresses.js';
import { flagsBeside } from './flags-from-inventory.js';
import { isHandMade, specOfHandMade } from './hand-made-from-inventory.js';
import { commonNameOf, leavesOf, pathsWithoutPlace } from './leaves-from-inventory.js';
import type { CaCopySpec, CaSpec, ClusterSpec, NodeSpec } from './spec.js';
import { unseenIn, versionOf } from './scan-gaps.js';
import { kubeadmCa } from './topology.js';
import { workloadsOf } from './workloads-from-inventory.js';

const pki = '/etc/kubernetes/pki';

/** Never fails: what cannot be made alike is a line of `notReproduced`. No key material goes in or comes out. */
export function specOfInventory(inventory: Inventory, place: SpecPlace): ClusterSpec {
  if (isHandMade(inventory)) return specOfHandMade(inventory, place);
  const missing: string[] = [];
  const addresses = addressesOf(place.block);
  const controlPlanes = nodesWith(inventory, 'control-plane');
  const workers = inventory.nodes.filter((node) => !controlPlanes.includes(node));
  // By name: of a scan without the API no node has an address.
  const places = new Map([
    ...controlPlanes.map(({ name }, index) => [name, addresses.controlPlane(index)] as const),
    ...workers.map(({ name }, index) => [name, addresses.worker(index)] as const),
  ]);
  const placed = new Map([
    ...inventory.nodes.flatMap(({ name, internalIp }) => (internalIp === '' ? [] : [[internalIp, places.get(name) ?? ''] as const])),
    [new URL(inventory.cluster.server).hostname, addresses.loadBalancer.address] as const,
  ]);
  missing.push(
    `addresses: the nodes are at 127.${place.block}.x.y, the API at ${addresses.loadBalancer.address}:${addresses.loadBalancer.port}`,
    'SSH: every node is reached directly, as user sre with sudo, on port 2222',
  );
  const cas = {
    cluster: caOf(controlPlanes, `${pki}/ca.crt`, 'kubernetes', place.nowMs, missing),
    etcd: caOf(controlPlanes, `${pki}/etcd/ca.crt`, 'etcd-ca', place.nowMs, missing),
    frontProxy: caOf(controlPlanes, `${pki}/front-proxy-ca.crt`, 'front-proxy-ca', place.nowMs, missing),
  };
  const version = versionOf(inventory, missing);
  missing.push(...unseenIn(inventory));
  const keyType = controlPlanes.flatMap((node) => fileOf(node, `${pki}/apiserver.crt`)?.certificates ?? [])[0]?.keyType;
  const bare: ClusterSpec = {
    name: controlPlanes[0]?.components.find(({ name }) => name === 'kube-controller-manager')?.flags['cluster-name'] ?? 'kubernetes',
    uid: place.uid,
    version,
    block: place.block,
    loadBalancer: addresses.loadBalancer,
    vault: addresses.vault,
    cas,
    leafKeyType: keyType === undefined || keyType === 'other' ? 'rsa-2048' : keyType,
    nodes: [],
    namespaces: [...new Set(inventory.objects.filter(({ namespace }) => namespace !== '').map(({ namespace }) => namespace))].sort(),
    ...workloadsOf(inventory, missing),
    tokenSecrets: 0,
    tokenSecretNames: inventory.objects.filter(isToken).map(({ namespace, name }) => ({ namespace, name })),
    caCopies: copiesOf(inventory, missing),
    notReproduced: missing,
  };
  const nodes = [...controlPlanes, ...workers].map((node) => plainNode(version, node, places.get(node.name) ?? '', missing));
  const shaped = { ...bare, nodes };
  // Flags and leaves are told against what kubeadm would make for the same nodes.
  const byName = new Map(inventory.nodes.map((node) => [node.name, node]));
  return {
    ...shaped,
    nodes: nodes.map((node) => {
      const record = byName.get(node.name);
      if (record === undefined) return node;
      return { ...node, leaves: leavesOf(record, placed, missing), flags: flagsBeside(shaped, node, record, placed, missing) };
    }),
  };
}

function plainNode(version: string, record: NodeRecord, address: string, missing: string[]): NodeSpec {
  const isControlPlane = record.roles.includes('control-plane');
  const lacking = isControlPlane
    ? ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].filter((name) => !record.components.some((c) => c.name === name && c.manifest !== undefined))
    : [];
  if (lacking.length > 0) missing.push(`${record.name}: ${lacking.join(', ')} is no static pod of kubeadm there; here it is one`);
  if (isControlPlane && !record.components.some(({ name }) => name === 'etcd')) missing.push(`${record.name}: etcd is elsewhere; here each control plane has a member`);
  missing.push(...pathsWithoutPlace(record).map((path) => `${record.name}: ${path} is left out`));
  return {
    name: record.name,
    roles: record.roles,
    address,
    sshPort: 2222,
    ...(record.kubeletVersion === version || record.kubeletVersion === '' ? {} : { kubeletVersion: record.kubeletVersion }),
    // etcdctl is not looked for by a scan; in the container of etcd it always is.
    tools: { ...record.tools, etcdctl: false },
    leaves: [],
    flags: {},
  };
}

function caOf(controlPlanes: readonly NodeRecord[], path: string, commonName: string, nowMs: number, missing: string[]): CaSpec {
  const usual = kubeadmCa(commonName, nowMs);
  const certificates = controlPlanes.flatMap((node) => fileOf(node, path)?.certificates ?? []);
  const [ca] = certificates;
  if (ca === undefined) {
    if (controlPlanes.length > 0) missing.push(`${path}: there is none in the inventory; here it is kubeadm's`);
    return usual;
  }
  if (new Set(certificates.map(({ fingerprint }) => fingerprint)).size > 1)
    missing.push(`${path}: it holds several CAs, or differs between control planes; here all have the first one`);
  const name = commonNameOf(ca);
  if (ca.subject !== `CN=${name}`) missing.push(`${path}: of the subject "${ca.subject}" only the CN is kept`);
  if (ca.subject !== ca.issuer) missing.push(`${path}: it was signed by "${ca.issuer}"; here it signs itself`);
  if (ca.keyType === 'other') missing.push(`${path}: its kind of key cannot be made; here it is RSA-2048`);
  return { commonName: name, keyType: ca.keyType === 'other' ? usual.keyType : ca.keyType, notBeforeMs: ca.notBeforeMs, notAfterMs: ca.notAfterMs };
}

function copiesOf(inventory: Inventory, missing: string[]): CaCopySpec[] {
  const [first] = nodesWith(inventory, 'control-plane');
  const fingerprints = new Map(
    (['cluster', 'etcd', 'frontProxy'] as const).flatMap((ca) => {
      const path = { cluster: `${pki}/ca.crt`, etcd: `${pki}/etcd/ca.crt`, frontProxy: `${pki}/front-proxy-ca.crt` }[ca];
      return ((first === undefined ? undefined : fileOf(first, path))?.certificates ?? []).map(({ fingerprint }) => [fingerprint, ca] as const);
    }),
  );
  return inventory.objects
    .filter((object) => object.writer === 'none')
    .flatMap((object) => {
      const ca = object.certificates.map(({ fingerprint }) => fingerprints.get(fingerprint)).find((one) => one !== undefined);
      const { apiVersion, kind, namespace, name, field, encoding } = object;
      if (ca !== undefined) return [{ apiVersion, kind, namespace, name, field, encoding, ca }];
      missing.push(`${kind} ${namespace === '' ? '' : `${namespace}/`}${name}: its certificates are of other CAs; it is left out`);
      return [];
    });
}

function isToken(object: Inventory['objects'][number]): boolean {
  return object.kind === 'Secret' && object.writer === 'kube-controller-manager' && object.field === '/data/ca.crt';
}
