/** When everything ends: one row for each certificate in each place, with kubeadm's names for the files that it knows. */

import type { CertificateRecord, FileRecord, ObjectRecord, ScanFinding, Unseen } from '../cluster/inventory.js';
import { subjectOf } from '../cluster/material.js';
import { type Ending, endings } from './effective.js';
import { expectedOf, isExternal, kubeadmFileAt, type KubeadmFile, type Layout, nameOfFile } from './kubeadm-files.js';

/** What was reached, however it was reached. */
export interface Reached {
  readonly nodes: readonly ReachedNode[];
  readonly objects: readonly ObjectRecord[];
  /** PEM blocks by fingerprint, as far as they are at hand. */
  readonly certificates?: Readonly<Record<string, string>>;
  readonly findings: readonly ScanFinding[];
  readonly unseen: readonly Unseen[];
}

export interface ReachedNode extends Layout {
  /** Empty for a folder that is no node's. */
  readonly name: string;
}

export interface ExpiryRow {
  /** kubeadm's name, a file's own, `Secret NAMESPACE/NAME`, or the common name of a CA. */
  readonly name: string;
  /** Empty for an object. */
  readonly node: string;
  /** Path of the file, or kind, namespace/name and field of an object. */
  readonly path: string;
  /** undefined: kubeadm expects it, and it is not there. */
  readonly certificate?: CertificateRecord;
  readonly ending?: Ending;
  /** kubeadm's name of the issuer, or its common name. Of a CA: its own name again. */
  readonly caName: string;
  /** No key of its CA was found. undefined: no node was read, so nobody knows. */
  readonly externallyManaged?: boolean;
}

export interface Expiry {
  readonly certificates: readonly ExpiryRow[];
  readonly authorities: readonly ExpiryRow[];
  readonly findings: readonly ScanFinding[];
  readonly unseen: readonly Unseen[];
}

/** Rows by name, node and path, code unit by code unit. */
export function expiryOf(reached: Reached): Expiry {
  const files = reached.nodes.flatMap((node) => filesInUse(node).map((file) => ({ node, file })));
  const names = caNames(files);
  const context: Context = {
    endingOf: endings([...files.flatMap(({ file }) => file.certificates), ...reached.objects.flatMap((object) => object.certificates)], reached.certificates),
    nameOf: (ca) => names.get(ca.fingerprint) ?? commonName(ca.subject),
    keys: reached.nodes.length === 0 ? undefined : new Set(reached.nodes.flatMap((node) => node.files.flatMap(({ keySpki }) => (keySpki === undefined ? [] : [keySpki])))),
  };
  const rows = [...files.flatMap(({ node, file }) => rowsOfFile(node, file, context)), ...reached.objects.flatMap((object) => rowsOfObject(object, context))];
  const missing = reached.nodes.flatMap((node) => missingOf(node).map((file) => ({ isCa: file.isCa, row: missingRow(node, file) })));
  const all = [...rows, ...missing];
  const of = (isCa: boolean): ExpiryRow[] =>
    all
      .filter((one) => one.isCa === isCa)
      .map(({ row }) => row)
      .sort(byPlace);
  return { certificates: of(false), authorities: of(true), findings: reached.findings, unseen: reached.unseen };
}

/** One row for each name, of CAs for each certificate: the one that ends first. What is missing here and found there is no row. */
export function narrowed({ certificates, authorities }: Expiry): Pick<Expiry, 'certificates' | 'authorities'> {
  return { certificates: firstOfEach(certificates, ({ name }) => name), authorities: firstOfEach(authorities, ({ name, certificate }) => certificate?.fingerprint ?? name) };
}

/** Rows that end at this instant or before it. Unix time in ms. */
export function dueBy({ certificates, authorities }: Expiry, ms: number): ExpiryRow[] {
  return [...certificates, ...authorities].filter(({ ending }) => ending !== undefined && ending.expiresAtMs <= ms);
}

interface Context {
  endingOf(record: CertificateRecord): Ending;
  nameOf(ca: CertificateRecord): string;
  readonly keys: ReadonlySet<string> | undefined;
}

interface Row {
  readonly isCa: boolean;
  readonly row: ExpiryRow;
}

/** A kubelet keeps the pairs that it had before; nobody reads them. Its own is behind a link. */
function filesInUse({ files }: ReachedNode): FileRecord[] {
  const earlier = /\/kubelet-(client|server)-\d{4}[\d-]*\.pem$/;
  return files.filter(({ path }) => {
    const [, kind] = earlier.exec(path) ?? [];
    const current = kind === undefined ? undefined : `${path.slice(0, path.lastIndexOf('/'))}/kubelet-${kind}-current.pem`;
    return current === undefined || !files.some((file) => file.path === current && file.certificates.length > 0);
  });
}

/** The first certificate of kubeadm's file bears kubeadm's name: kubeadm reads only the first. */
function caNames(files: readonly { readonly node: ReachedNode; readonly file: FileRecord }[]): Map<string, string> {
  return new Map(
    files.flatMap(({ node, file }) => {
      const known = kubeadmFileAt(node, file.path);
      const [first] = file.certificates;
      return known?.isCa === true && first !== undefined ? [[first.fingerprint, known.name] as const] : [];
    }),
  );
}

function rowsOfFile(node: ReachedNode, file: FileRecord, context: Context): Row[] {
  const known = kubeadmFileAt(node, file.path);
  const place = { node: node.name, path: file.path };
  // kubeadm speaks of control planes: a worker has ca.crt without its key by design.
  const managed = known === undefined || expectedOf(node).length === 0 ? {} : { externallyManaged: isExternal(node, known.ca) };
  if (file.kind === 'kubeconfig') {
    const client = file.client === undefined ? [] : [{ isCa: false, row: { ...leafRow(nameOfFile(node, file.path), place, file.client, context), ...managed } }];
    return [...client, ...authorities(place, file.certificates, context)];
  }
  const [first] = file.certificates;
  if (first === undefined) return [];
  // CAs behind their leaf count with the leaf.
  if (!first.isCa) return [{ isCa: false, row: { ...leafRow(nameOfFile(node, file.path), place, first, context), ...managed } }];
  return authorities(place, file.certificates, context).map((one, index) => (index === 0 ? { isCa: true, row: { ...one.row, ...managed } } : one));
}

function rowsOfObject({ kind, namespace, name, field, certificates, client }: ObjectRecord, context: Context): Row[] {
  const title = `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
  const place = { node: '', path: `${title} ${field}` };
  const own = client === undefined ? [] : [{ isCa: false, row: leafRow(title, place, client, context) }];
  const [first] = certificates;
  if (first === undefined) return own;
  return first.isCa ? [...own, ...authorities(place, certificates, context)] : [{ isCa: false, row: leafRow(title, place, first, context) }, ...own];
}

function leafRow(name: string, place: { readonly node: string; readonly path: string }, certificate: CertificateRecord, context: Context): ExpiryRow {
  const ending = context.endingOf(certificate);
  const caName = ending.issuer === undefined ? commonName(certificate.issuer) : context.nameOf(ending.issuer);
  return { name, ...place, certificate, ending, caName, ...managedBy(ending.issuer, context) };
}

function authorities(place: { readonly node: string; readonly path: string }, certificates: readonly CertificateRecord[], context: Context): Row[] {
  return certificates.map((certificate) => {
    const name = context.nameOf(certificate);
    return { isCa: true, row: { name, ...place, certificate, ending: context.endingOf(certificate), caName: name, ...managedBy(certificate, context) } };
  });
}

function managedBy(ca: CertificateRecord | undefined, { keys }: Context): Pick<ExpiryRow, 'externallyManaged'> {
  return keys === undefined ? {} : { externallyManaged: ca === undefined || !keys.has(ca.spki) };
}

function missingOf(node: ReachedNode): KubeadmFile[] {
  const there = new Set(node.files.map(({ path }) => path));
  return expectedOf(node).filter(({ path }) => !there.has(`${node.kubernetesDir}/${path}`));
}

function missingRow(node: ReachedNode, { name, path, ca }: KubeadmFile): ExpiryRow {
  return { name, node: node.name, path: `${node.kubernetesDir}/${path}`, caName: ca };
}

function firstOfEach(rows: readonly ExpiryRow[], keyOf: (row: ExpiryRow) => string): ExpiryRow[] {
  const first = new Map<string, ExpiryRow>();
  for (const row of rows) {
    const other = first.get(keyOf(row));
    if (other === undefined || endOf(row) < endOf(other)) first.set(keyOf(row), row);
  }
  return [...first.values()];
}

function endOf({ ending }: ExpiryRow): number {
  return ending?.expiresAtMs ?? Number.POSITIVE_INFINITY;
}

function commonName(subject: string): string {
  return subjectOf(subject).commonName || subject;
}

function byPlace(one: ExpiryRow, other: ExpiryRow): number {
  for (const key of ['name', 'node', 'path'] as const) {
    if (one[key] !== other[key]) return one[key] < other[key] ? -1 : 1;
  }
  return 0;
}
