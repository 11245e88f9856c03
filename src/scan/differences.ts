/** What has changed in a cluster between two inventories, as far as it matters for trust: for the check that a plan is not stale. Pure. */

import type { CertificateRecord, FileRecord, Inventory, NodeRecord, ObjectRecord } from '../domain/cluster/inventory.js';

export interface Difference {
  readonly kind: 'cluster' | 'node-joined' | 'node-left' | 'node' | 'file' | 'flag' | 'version' | 'object' | 'listener' | 'pod';
  /** Node, kind and name of an object, or pods of a workload. */
  readonly target: string;
  /** One sentence for a human. */
  readonly text: string;
}

/**
 * In the order cluster, nodes, objects. Times, resourceVersions and what a kubelet renews by itself under the same CA are no difference;
 * neither are files without certificates, keys or flags, as long as their bytes are the same.
 */
export function differences(before: Inventory, after: Inventory): Difference[] {
  return [...ofCluster(before, after), ...ofNodes(before.nodes, after.nodes), ...ofObjects(before.objects, after.objects)];
}

function ofCluster(before: Inventory, after: Inventory): Difference[] {
  const target = after.cluster.server;
  const found: Difference[] = [];
  if (before.cluster.uid !== after.cluster.uid)
    found.push({ kind: 'cluster', target, text: `it is another cluster: the UID of kube-system was ${before.cluster.uid} and is ${after.cluster.uid}` });
  if (before.cluster.version !== after.cluster.version)
    found.push({ kind: 'version', target, text: `the API servers went from ${before.cluster.version} to ${after.cluster.version}` });
  return found;
}

function ofNodes(before: readonly NodeRecord[], after: readonly NodeRecord[]): Difference[] {
  return pairs(before, after, ({ name }) => name).flatMap(([name, was, is]): Difference[] => {
    if (was === undefined) return [{ kind: 'node-joined', target: name, text: `node ${name} has joined` }];
    if (is === undefined) return [{ kind: 'node-left', target: name, text: `node ${name} has left` }];
    return [...ofNode(was, is), ...ofComponents(was, is), ...ofFiles(was, is)];
  });
}

function ofNode(was: NodeRecord, is: NodeRecord): Difference[] {
  const found: Difference[] = [];
  if (was.roles.join() !== is.roles.join()) found.push({ kind: 'node', target: is.name, text: `${is.name} was ${was.roles.join(' and ')} and is ${is.roles.join(' and ')}` });
  if (was.internalIp !== is.internalIp) found.push({ kind: 'node', target: is.name, text: `the address of ${is.name} was ${was.internalIp} and is ${is.internalIp}` });
  if (was.kubeletVersion !== is.kubeletVersion)
    found.push({ kind: 'version', target: is.name, text: `the kubelet of ${is.name} went from ${was.kubeletVersion} to ${is.kubeletVersion}` });
  return found;
}

function ofComponents(before: NodeRecord, after: NodeRecord): Difference[] {
  const target = after.name;
  return pairs(before.components, after.components, ({ name }) => name).flatMap(([name, was, is]): Difference[] => {
    if (was === undefined) return [{ kind: 'node', target, text: `${name} was not running on ${target} and is now` }];
    if (is === undefined) return [{ kind: 'node', target, text: `${name} was running on ${target} and is not now` }];
    const flags = pairs(Object.entries(was.flags), Object.entries(is.flags), ([flag]) => flag).flatMap(([flag, old, now]): Difference[] => {
      if (old?.[1] === now?.[1]) return [];
      return [{ kind: 'flag', target, text: `${name} on ${target}: --${flag} ${changed(old?.[1], now?.[1])}` }];
    });
    // That of the kubelet is the node's own.
    if (was.version === is.version || name === 'kubelet') return flags;
    return [{ kind: 'version', target, text: `${name} on ${target} went from ${was.version} to ${is.version}` }, ...flags];
  });
}

function ofFiles(before: NodeRecord, after: NodeRecord): Difference[] {
  const target = after.name;
  const relevant = (node: NodeRecord): FileRecord[] => node.files.filter(({ path }) => !isKubeletGeneration(path));
  return pairs(relevant(before), relevant(after), ({ path }) => path).flatMap(([path, was, is]): Difference[] => {
    const place = `${target}:${path}`;
    if (was === undefined) return [{ kind: 'file', target, text: `${place} is there now${holding(is)}` }];
    if (is === undefined) return [{ kind: 'file', target, text: `${place} is gone` }];
    const texts = [
      ...ofCertificates(was.certificates, is.certificates, isRenewedByKubelet(path)),
      ...(was.server === is.server ? [] : [`the server ${changed(was.server, is.server)}`]),
      ...(renewed(was.client, is.client) ? [] : [`the client certificate ${changed(named(was.client), named(is.client))}`]),
      ...(was.keySpki === is.keySpki || isRenewedByKubelet(path) ? [] : ['it holds another key']),
    ];
    // Manifests count by the flags above, kubeconfigs and PEM by what is in them, the rest by its bytes.
    if (texts.length === 0 && was.sha256 !== is.sha256 && (is.kind === 'config' || (is.kind === 'key' && is.keySpki === undefined))) texts.push('its content is another');
    if (was.mode !== is.mode || was.uid !== is.uid || was.gid !== is.gid) texts.push(`mode and owner were ${attributes(was)} and are ${attributes(is)}`);
    return texts.map((text) => ({ kind: 'file', target, text: `${place}: ${text}` }));
  });
}

function ofObjects(before: readonly ObjectRecord[], after: readonly ObjectRecord[]): Difference[] {
  const place = (o: ObjectRecord): string => `${o.kind} ${o.namespace === '' ? '' : `${o.namespace}/`}${o.name} ${o.field}`;
  return pairs(before, after, place).flatMap(([key, was, is]): Difference[] => {
    const target = key.slice(0, key.lastIndexOf(' '));
    if (was === undefined) return [{ kind: 'object', target, text: `${key} is there now${holding(is)}` }];
    if (is === undefined) return [{ kind: 'object', target, text: `${key} is gone` }];
    return ofCertificates(was.certificates, is.certificates, false).map((text) => ({ kind: 'object', target, text: `${key}: ${text}` }));
  });
}

function ofCertificates(before: readonly CertificateRecord[], after: readonly CertificateRecord[], mayRenew: boolean): string[] {
  if (before.map(id).join() === after.map(id).join()) return [];
  if (mayRenew && before.length === after.length && before.every((was, i) => renewed(was, after[i]))) return [];
  const gone = before.filter((was) => !after.some((is) => id(is) === id(was)));
  const come = after.filter((is) => !before.some((was) => id(is) === id(was)));
  if (gone.length === 0 && come.length === 0) return ['the order of its certificates is another'];
  return [...gone.map((c) => `the certificate ${named(c)} is gone`), ...come.map((c) => `the certificate ${named(c)} is there now`)];
}

/** kubelets renew their client certificate by themselves, so soaking for days changes files: the same subject under the same CA is no difference. */
function isRenewedByKubelet(path: string): boolean {
  return path.startsWith('/var/lib/kubelet/pki/');
}

/** Files with a time in their name: `-current` leads to the last of them, and that one is compared. */
function isKubeletGeneration(path: string): boolean {
  return /^\/var\/lib\/kubelet\/pki\/kubelet-(client|server)-\d.*\.pem$/.test(path);
}

function renewed(was: CertificateRecord | undefined, is: CertificateRecord | undefined): boolean {
  if (was === undefined || is === undefined) return was === is;
  return id(was) === id(is) || (was.subject === is.subject && was.issuer === is.issuer && was.aki === is.aki && !was.isCa);
}

function id({ fingerprint }: CertificateRecord): string {
  return fingerprint;
}

function named(c: CertificateRecord | undefined): string | undefined {
  return c === undefined ? undefined : `"${c.subject}" (SHA-256 ${c.fingerprint.slice(0, 16)})`;
}

function holding(item: { readonly certificates: readonly CertificateRecord[] } | undefined): string {
  const names = (item?.certificates ?? []).map(named);
  return names.length === 0 ? '' : `, with ${names.join(', ')}`;
}

function changed(was: string | undefined, is: string | undefined): string {
  return was === undefined ? `is set now: ${is}` : is === undefined ? `is no longer set: it was ${was}` : `was ${was} and is ${is}`;
}

function attributes({ mode, uid, gid }: FileRecord): string {
  return `${mode} ${uid}:${gid}`;
}

/** Items of both sides by key: those of the first in its order, then those that only the second has. */
function pairs<T>(before: readonly T[], after: readonly T[], key: (item: T) => string): [key: string, was: T | undefined, is: T | undefined][] {
  const first = new Map(before.map((item) => [key(item), item]));
  const second = new Map(after.map((item) => [key(item), item]));
  return [...new Set([...first.keys(), ...second.keys()])].map((k) => [k, first.get(k), second.get(k)]);
}
