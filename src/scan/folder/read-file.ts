/** One file of a folder as a record: PEM, DER or a kubeconfig, and what is wrong with it. A key stays in here: only the digest of its public half leaves. */

import { createHash, createPublicKey } from 'node:crypto';
import { posix } from 'node:path';
import type { FileRecord, ScanFinding } from '../../domain/cluster/inventory.js';
import { kubeconfigLines, lineOfFailure, readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { failuresOf } from '../../domain/errors.js';
import { type Certificate, findCertificates, parseCertificate, spkiOf } from '../../domain/pki/certificate.js';
import { splitPem } from '../../domain/pki/pem.js';
import { linesOf } from '../files/read-files.js';

export interface ReadFile {
  /** undefined: nothing that matters for trust. */
  readonly file?: FileRecord;
  readonly certificates: readonly Certificate[];
  readonly findings: readonly ScanFinding[];
}

/** Never throws for what is in the file. `at`: its path, as findings name it. */
export function readOneFile(at: string, bytes: Buffer): ReadFile {
  const common = { path: at, sha256: createHash('sha256').update(bytes).digest('hex'), mode: '0600', uid: 0, gid: 0 };
  const der = derCertificate(bytes);
  if (der !== undefined) {
    const finding = { code: 'der-not-pem', place: at, meaning: 'it is DER; every reader in Kubernetes wants PEM, so none can use it' };
    return { file: pemRecord(common, [der], undefined), certificates: [der], findings: [finding] };
  }
  const text = bytes.toString('utf8');
  if (isKubeconfig(text)) return readKubeconfigFile(at, text, common);
  if (!text.includes('-----BEGIN ')) return { certificates: [], findings: looksLikeCertificate(at) ? [finding('pem-broken', `${at}:1`, 'there is no certificate in it')] : [] };
  const { blocks, damage } = splitPem(text);
  const findings = [
    ...damage.map(({ line, column, cause }) => finding('pem-broken', `${at}:${line}:${column}`, `${cause}; readers in Kubernetes pass over the block or refuse the file`)),
    ...blocks
      .filter(({ label, bytes: block }) => label === 'CERTIFICATE' && !isCertificate(block))
      .map(({ line }) => finding('pem-broken', `${at}:${line}:1`, 'the block is not a certificate; readers in Kubernetes refuse the whole file')),
  ];
  const certificates = findCertificates(text);
  const keySpki = keyIn(text);
  if (certificates.length === 0 && keySpki === undefined) return { certificates, findings };
  return { file: pemRecord(common, certificates, keySpki), certificates, findings };
}

type Common = Pick<FileRecord, 'path' | 'sha256' | 'mode' | 'uid' | 'gid'>;

function pemRecord(common: Common, certificates: readonly Certificate[], keySpki: string | undefined): FileRecord {
  const [first] = certificates;
  const kind = first === undefined ? 'key' : first.record.isCa ? 'bundle' : 'leaf';
  return { ...common, kind, certificates: certificates.map(({ record }) => record), ...(keySpki === undefined ? {} : { keySpki }) };
}

function readKubeconfigFile(at: string, text: string, common: Common): ReadFile {
  try {
    const { caPem = '', clientCertificatePem = '', server, caFile, clientCertificateFile, clientKeyFile } = readKubeconfig(text, at);
    const [cas, clients] = [findCertificates(caPem), findCertificates(clientCertificatePem)];
    const named = { 'certificate-authority': caFile, 'client-certificate': clientCertificateFile, 'client-key': clientKeyFile };
    const refs = Object.entries(named).flatMap(([key, to]) => (to === undefined ? [] : [[key, to.startsWith('/') ? to : posix.join(posix.dirname(at), to)] as const]));
    const [client] = clients;
    const lines = kubeconfigLines(text);
    const broken = (key: string): ScanFinding => finding('kubeconfig-broken', `${at}:${lines[key] ?? 1}`, `${key} holds no certificate`);
    const findings = [
      ...(caPem !== '' && cas.length === 0 ? [broken('certificate-authority-data')] : []),
      ...(clientCertificatePem !== '' && client === undefined ? [broken('client-certificate-data')] : []),
    ];
    const file: FileRecord = {
      ...common,
      kind: 'kubeconfig',
      certificates: cas.map(({ record }) => record),
      server,
      ...(client === undefined ? {} : { client: client.record }),
      ...(refs.length === 0 ? {} : { refs: Object.fromEntries(refs), refLines: linesOf(refs, lines) }),
    };
    return { file, certificates: [...cas, ...clients], findings };
  } catch (error) {
    const [first] = failuresOf(error) ?? [];
    if (first === undefined) throw error;
    return { certificates: [], findings: [finding('kubeconfig-broken', `${at}:${lineOfFailure(first)}`, first.cause)] };
  }
}

function isKubeconfig(text: string): boolean {
  return /^["'\s{]*kind["']?:\s*["']?Config\b/m.test(text) && text.includes('clusters');
}

function looksLikeCertificate(path: string): boolean {
  return /\.(crt|cer|pem)$/.test(path);
}

function derCertificate(bytes: Buffer): Certificate | undefined {
  return bytes[0] === 0x30 && isCertificate(bytes) ? parseCertificate(bytes) : undefined;
}

function isCertificate(bytes: Buffer): boolean {
  try {
    parseCertificate(bytes);
    return true;
  } catch {
    return false;
  }
}

function keyIn(text: string): string | undefined {
  const [block] = /-----BEGIN ([A-Z ]*PRIVATE KEY|PUBLIC KEY)-----[^-]*-----END \1-----/.exec(text) ?? [];
  if (block === undefined) return undefined;
  try {
    return spkiOf(createPublicKey(block));
  } catch {
    return undefined;
  }
}

function finding(code: string, place: string, meaning: string): ScanFinding {
  return { code, place, meaning };
}
