/** Certificates of a graph by their ids: those that were found, and those that a plan will have issued. */

import type { CertificateRecord, Inventory } from '../cluster/inventory.js';
import type { ChainCertificate } from '../pki/chain-certificate.js';
import { outgoingOf } from './outgoing.js';
import { type Certificate, parseCertificate, usageOids } from '../pki/certificate.js';
import { splitPem } from '../pki/pem.js';

/** The incoming CA, before there is one. */
export const incomingCa = 'incoming';

/** A leaf that a CA issues in place of another (the id of which it names), or for somebody. */
export function leafOf(ca: string, source: string): string {
  return `leaf-of:${ca}:${source}`;
}

/** The key that comes with it, in place of another (SHA-256 of the SPKI). */
export function keyOf(ca: string, spki: string): string {
  return `key-of:${ca}:${spki}`;
}

export interface Certificates {
  /** undefined: no such certificate. */
  of(id: string): ChainCertificate | undefined;
  /** Did the key of the parent sign the child? By the signature where both were found; by who was to sign where one is yet to be issued. */
  signed(child: ChainCertificate, parent: ChainCertificate): boolean;
  /** SHA-256 of the SPKI of a certificate that was found; undefined for one that is yet to be issued. */
  foundSpki(id: string): string | undefined;
  /** For a human: `kubernetes`, `kube-apiserver (by the incoming CA)`. */
  name(id: string): string;
}

export function certificatesOf(inventory: Inventory, more: Readonly<Record<string, string>> = {}): Certificates {
  const pems = { ...inventory.certificates, ...more };
  const records = recordsOf(inventory);
  const made = new Map<string, ChainCertificate | undefined>();
  const signers = new WeakMap<ChainCertificate, string>();
  const ids = new WeakMap<ChainCertificate, string>();
  const answers = new Map<string, boolean>();
  const of = (id: string): ChainCertificate | undefined => {
    if (made.has(id)) return made.get(id);
    const certificate = make(id);
    made.set(id, certificate);
    if (certificate !== undefined) ids.set(certificate, id);
    return certificate;
  };
  const make = (id: string): ChainCertificate | undefined => {
    const pem = pems[id];
    if (pem !== undefined) return parsed(pem);
    const record = records.get(id);
    if (record !== undefined) return ofRecord(record);
    if (id === incomingCa) return ofRecord({ ...blank, subject: 'CN=incoming', issuer: 'CN=incoming', isCa: true, fingerprint: id, spki: id, ski: id, aki: id });
    const [, ca, source] = /^leaf-of:([^:]*):(.*)$/s.exec(id) ?? [];
    if (ca === undefined || source === undefined) return undefined;
    const issuer = of(ca);
    const like = of(source)?.record ?? { ...blank, subject: `CN=${source}`, usages: ['clientAuth'] as const };
    if (issuer === undefined) return undefined;
    const leaf = {
      ...ofRecord({ ...like, ...always, fingerprint: id, spki: keyOf(ca, like.spki), issuer: issuer.record.subject, aki: issuer.record.ski, ski: '', isCa: false }),
      rawIssuer: issuer.rawSubject,
    };
    signers.set(leaf, ca);
    return leaf;
  };
  const look = (child: ChainCertificate, parent: ChainCertificate): boolean => {
    const signer = signers.get(child);
    if (signer !== undefined) return signer === ids.get(parent) || of(signer)?.record.spki === parent.record.spki;
    if (isReal(child) && isReal(parent)) return child.x509.verify(parent.x509.publicKey);
    // Without bytes: by name and key identifier, as good as a record can say.
    return child.record.issuer === parent.record.subject && (child.record.aki === '' || parent.record.ski === '' || child.record.aki === parent.record.ski);
  };
  const outgoing = outgoingOf(inventory)?.fingerprint;
  return {
    of,
    foundSpki: (id) => (id === incomingCa || id.startsWith('leaf-of:') ? undefined : of(id)?.record.spki),
    signed(child, parent) {
      const key = `${child.record.fingerprint} ${parent.record.fingerprint}`;
      const answer = answers.get(key) ?? look(child, parent);
      answers.set(key, answer);
      return answer;
    },
    name(id) {
      if (id === incomingCa) return 'the incoming CA';
      if (id === outgoing) return 'the outgoing CA';
      const [, ca, source = ''] = /^leaf-of:([^:]*):(.*)$/s.exec(id) ?? [];
      if (ca !== undefined) return `${shortName(of(source)?.record.subject ?? source)} (issued by ${ca === incomingCa ? 'the incoming CA' : 'the outgoing CA'})`;
      if (id.startsWith('key-of:')) return 'a new key';
      const record = of(id)?.record;
      return record === undefined ? id.slice(0, 12) : `${shortName(record.subject)} (${id.slice(0, 8)})`;
    },
  };
}

/** Valid at any time: what is to be issued is not judged by clocks. */
const always = { notBeforeMs: 0, notAfterMs: 8.64e15 } as const;

const blank: CertificateRecord = {
  ...always,
  fingerprint: '',
  spki: '',
  subject: '',
  issuer: '',
  serial: '',
  ski: '',
  aki: '',
  isCa: false,
  keyType: 'other',
  sans: [],
  usages: [],
};

function parsed(pem: string): Certificate | undefined {
  const [block] = splitPem(pem).blocks;
  try {
    return block === undefined ? undefined : parseCertificate(block.bytes);
  } catch {
    return undefined;
  }
}

function ofRecord(record: CertificateRecord): ChainCertificate {
  return {
    record,
    rawSubject: `text:${record.subject}`,
    rawIssuer: `text:${record.issuer}`,
    version: 3,
    basicConstraints: { ca: record.isCa, pathLength: undefined },
    keyCertSign: record.isCa ? true : undefined,
    extendedUsages: record.usages.length === 0 ? undefined : record.usages.map((usage) => usageOids[usage]),
  };
}

function isReal(certificate: ChainCertificate): certificate is Certificate {
  return 'x509' in certificate;
}

function recordsOf({ nodes, objects }: Inventory): Map<string, CertificateRecord> {
  const found = new Map<string, CertificateRecord>();
  const put = (record: CertificateRecord): void => void found.set(record.fingerprint, record);
  for (const { files } of nodes) {
    for (const { certificates, client } of files) {
      certificates.forEach(put);
      if (client !== undefined) put(client);
    }
  }
  for (const { certificates } of objects) certificates.forEach(put);
  return found;
}

function shortName(subject: string): string {
  return /(?:^|, |\+)CN=((?:\\.|[^,+\\])*)/.exec(subject)?.[1] ?? subject;
}
