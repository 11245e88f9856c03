/** What a cluster holds of one CA on its nodes: the CA itself wherever it is trusted, and every pair that it issued, wherever that lies. Pure. */

import { type Failure, failure } from '../errors.js';
import { seemsIssuedBy } from '../pki/certificate.js';
import type { CertificateRecord, FileRecord, Inventory, NodeRecord } from './inventory.js';

/** Where a pair lies: in two files (or one that holds both), or inside a kubeconfig. */
export type Place =
  | { readonly node: string; readonly certificate: string; readonly key: string; readonly withCa: boolean }
  | { readonly node: string; readonly kubeconfig: string };

/** One pair. Where the same key lies in several places it is one identity, and must stay one: masters share theirs. */
export interface Identity {
  /** For people and file names, unique: its common name, with what a file name cannot have left out. */
  readonly name: string;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly leaf: CertificateRecord;
  readonly places: readonly Place[];
}

/** A file in which the CA is trusted. */
export interface TrustPlace {
  readonly node: string;
  readonly path: string;
  readonly form: 'pem' | 'kubeconfig';
}

export interface Material {
  readonly ca: CertificateRecord;
  readonly identities: readonly Identity[];
  readonly trust: readonly TrustPlace[];
}

/**
 * The CA is the one in the `client-ca-file` of the API servers; it must be the same on all of them and alone there.
 * Failures: layout-unsupported (no API server, no such file, a pair whose key is not found, a link in place of a file), ca-unexpected.
 */
export function materialOf(inventory: Inventory): Material | readonly Failure[] {
  const ca = servingCa(inventory);
  if (Array.isArray(ca)) return ca;
  const failures: Failure[] = [];
  const trust: TrustPlace[] = [];
  const found = new Map<string, { leaf: CertificateRecord; places: Place[] }>();
  const put = (leaf: CertificateRecord, place: Place): void => {
    const identity = found.get(leaf.spki) ?? { leaf, places: [] };
    // Of several certificates for one key the one that says the most: no name may get lost.
    found.set(leaf.spki, { leaf: leaf.sans.length > identity.leaf.sans.length ? leaf : identity.leaf, places: [...identity.places, place] });
  };
  for (const node of inventory.nodes) {
    for (const file of node.files) {
      const [first] = file.certificates;
      const issued = first !== undefined && seemsIssuedBy(first, ca) && !first.isCa;
      const holdsCa = file.certificates.some(({ fingerprint }) => fingerprint === ca.fingerprint);
      if ((issued || holdsCa) && file.linkTo !== undefined) {
        failures.push(linked(node, file));
        continue;
      }
      if (file.kind === 'kubeconfig') {
        if (holdsCa) trust.push({ node: node.name, path: file.path, form: 'kubeconfig' });
        if (file.client !== undefined && seemsIssuedBy(file.client, ca)) put(file.client, { node: node.name, kubeconfig: file.path });
      } else if (issued) {
        const key = keyOf(node, file);
        if (key === undefined) failures.push(withoutKey(node, file));
        else put(first, { node: node.name, certificate: file.path, key, withCa: holdsCa });
      } else if (holdsCa) trust.push({ node: node.name, path: file.path, form: 'pem' });
    }
  }
  if (failures.length > 0) return failures;
  return { ca, identities: named([...found.values()]), trust };
}

/** The outgoing CA of a cluster whose components are told of it by flags; or why there is none. */
export function servingCa(inventory: Inventory): CertificateRecord | Failure[] {
  const failures: Failure[] = [];
  const seen = new Map<string, { ca: CertificateRecord; nodes: string[] }>();
  for (const node of inventory.nodes) {
    const flags = node.components.find(({ name }) => name === 'kube-apiserver')?.flags;
    if (flags === undefined) continue;
    const path = flags['client-ca-file'];
    const file = node.files.find((one) => one.path === path);
    const [only, ...others] = file?.certificates ?? [];
    if (only === undefined || others.length > 0) {
      failures.push(
        failure(only === undefined ? 'layout-unsupported' : 'ca-unexpected', {
          target: node.name,
          summary: path === undefined ? 'kube-apiserver has no --client-ca-file' : `${path} holds ${file?.certificates.length ?? 0} certificates instead of one`,
          cause: only === undefined ? 'the outgoing CA is told by it' : 'an earlier rotation may have stopped half-way',
          nextAction: only === undefined ? 'Give the API server its client CA by that flag.' : 'Finish or take back the earlier rotation first.',
        }),
      );
      continue;
    }
    const one = seen.get(only.fingerprint) ?? { ca: only, nodes: [] };
    seen.set(only.fingerprint, { ca: one.ca, nodes: [...one.nodes, node.name] });
  }
  if (failures.length > 0) return failures;
  const [first, ...more] = [...seen.values()];
  if (first === undefined) {
    return [
      failure('layout-unsupported', {
        target: 'cluster',
        summary: 'no kube-apiserver was found on any host',
        cause: 'looked for: a process kube-apiserver that a systemd unit started, or a static pod manifest of kubeadm',
        nextAction: 'List the hosts of the control plane in the inventory, with a user who may become root.',
      }),
    ];
  }
  if (more.length === 0) return first.ca;
  return [
    failure('ca-unexpected', {
      target: 'cluster',
      summary: 'the API servers trust different CAs',
      cause: [...seen.values()].map(({ ca, nodes }) => `${ca.fingerprint.slice(0, 12)} on ${nodes.join(', ')}`).join('; '),
      nextAction: 'Find out which one is right, put it everywhere, then plan again.',
    }),
  ];
}

/** The key of a certificate file: named beside it by a flag or a kubeconfig, in the same file, or the one whose public half it is. */
function keyOf(node: NodeRecord, file: FileRecord): string | undefined {
  const own = file.certificates[0]?.spki;
  if (file.keySpki !== undefined && file.keySpki === own) return file.path;
  for (const { flags } of node.components) {
    const flag = Object.entries(flags).find(([, value]) => value === file.path)?.[0];
    const partner = flag === undefined ? undefined : flags[partnerOf(flag)];
    if (partner !== undefined) return partner;
  }
  for (const { refs } of node.files) {
    if (refs?.['client-certificate'] === file.path && refs['client-key'] !== undefined) return refs['client-key'];
    if (refs?.tlsCertFile === file.path && refs.tlsPrivateKeyFile !== undefined) return refs.tlsPrivateKeyFile;
  }
  return node.files.find(({ kind, keySpki }) => kind === 'key' && keySpki !== undefined && keySpki === own)?.path;
}

/** The certificate file of a key file. */
export function certificateOf(node: NodeRecord, key: string): FileRecord | undefined {
  return node.files.find((file) => file.certificates.length > 0 && keyOf(node, file) === key);
}

/** `tls-cert-file` has `tls-private-key-file`, `etcd-certfile` has `etcd-keyfile`, `kubelet-client-certificate` has `kubelet-client-key`. */
export function partnerOf(flag: string): string {
  if (flag === 'tls-cert-file') return 'tls-private-key-file';
  return flag
    .replace(/cert-file$/, 'key-file')
    .replace(/certfile$/, 'keyfile')
    .replace(/client-certificate$/, 'client-key');
}

function named(found: readonly { leaf: CertificateRecord; places: readonly Place[] }[]): Identity[] {
  const names = new Map<string, number>();
  return found.map(({ leaf, places }) => {
    const { commonName, organizations } = subjectOf(leaf.subject);
    const plain = commonName.replace(/^system:/, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-') || 'leaf';
    const count = (names.get(plain) ?? 0) + 1;
    names.set(plain, count);
    return { name: count === 1 ? plain : `${plain}-${count}`, commonName, organizations, leaf, places };
  });
}

/** Common name and organisations of a subject as records have it: `O=system:nodes, CN=system:node:w1` (RFC 4514 escapes). */
export function subjectOf(subject: string): { readonly commonName: string; readonly organizations: readonly string[] } {
  const parts = subject.split(/(?<!\\)(?:, |\+)/).map((part) => part.replaceAll(/\\(.)/g, '$1'));
  const values = (type: string): string[] => parts.filter((part) => part.startsWith(`${type}=`)).map((part) => part.slice(type.length + 1));
  return { commonName: values('CN')[0] ?? '', organizations: values('O') };
}

function withoutKey(node: NodeRecord, file: FileRecord): Failure {
  return failure('layout-unsupported', {
    target: node.name,
    summary: `the key of ${file.path} was not found`,
    cause: 'no flag and no kubeconfig names one beside it, and no key file on this node has its public half',
    nextAction: 'If nobody uses the file, move it away; else name certificate and key by the flags of the component.',
  });
}

function linked(node: NodeRecord, file: FileRecord): Failure {
  return failure('layout-unsupported', {
    target: node.name,
    summary: `${file.path} is a link to ${file.linkTo ?? ''}`,
    cause: 'what this playbook writes it puts in place by rename, which would end the link',
    nextAction: 'Name the file itself in the flag or kubeconfig of the component, or have the link replaced by the file.',
  });
}
