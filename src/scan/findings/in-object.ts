/** What is wrong with the certificates in one API object. Keys are looked at and forgotten. Never throws for what is in it. */

import { createPublicKey } from 'node:crypto';
import type { ScanFinding } from '../../domain/cluster/inventory.js';
import { findCertificates, parseCertificate, spkiOf } from '../../domain/pki/certificate.js';
import { pemOf, splitPem } from '../../domain/pki/pem.js';
import type { KubeObject } from '../../ports/kube.js';
import type { CertificatePool } from '../certificate-pool.js';

/** The API server takes no Secret that is larger (k/k pkg/apis/core MaxSecretSize): one that is has come another way, and few clients read it. */
const mostBytes = 1024 * 1024;

interface Value {
  readonly pointer: string;
  readonly bytes: Buffer;
}

/** Values of ConfigMaps and Secrets; the other kinds hold a caBundle, of which the API server sees to it that it is PEM. */
export function findingsIn(object: KubeObject, pool: CertificatePool): ScanFinding[] {
  if (object.kind !== 'ConfigMap' && object.kind !== 'Secret') return [];
  const name = `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;
  const values = [...valuesOf(object.data, '/data', object.kind === 'Secret' ? 'base64' : 'utf8'), ...valuesOf(object.binaryData, '/binaryData', 'base64')];
  const size = values.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const huge =
    size > mostBytes ? [{ code: 'object-huge', place: name, meaning: `it holds ${Math.ceil(size / 1024)} KiB: more than the API takes, so that it cannot be written again` }] : [];
  return [...huge, ...values.flatMap((value) => inValue(object, `${name} ${value.pointer}`, value, pool)), ...pairIn(object, name)];
}

function valuesOf(data: unknown, pointer: string, encoding: 'base64' | 'utf8'): Value[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([key, value]) =>
    typeof value === 'string' ? [{ pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, bytes: Buffer.from(value, encoding) }] : [],
  );
}

function inValue(object: KubeObject, place: string, { bytes }: Value, pool: CertificatePool): ScanFinding[] {
  // A SEQUENCE in DER.
  if (bytes[0] === 0x30 && isCertificate(bytes)) {
    pool.recordsOf(pemOf('CERTIFICATE', bytes));
    return [{ code: 'der-not-pem', place, meaning: 'it is a certificate in DER: whatever reads PEM here finds none' }];
  }
  if (!bytes.includes('-----BEGIN ')) return [];
  const { blocks, damage } = splitPem(bytes.toString('utf8'));
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE');
  const findings: ScanFinding[] = damage.map(({ line, column, cause }) => ({
    code: 'pem-broken',
    place: `${place}:${line}:${column}`,
    meaning: `${cause}: the block is passed over`,
  }));
  for (const { line, bytes: der } of certificates)
    if (!isCertificate(der))
      findings.push({ code: 'pem-broken', place: `${place}:${line}`, meaning: 'the block is no certificate: a reader refuses all of it, or passes over it' });
  const key = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (key !== undefined && (object.kind === 'ConfigMap' || certificates.some(({ bytes: der }) => isCertificate(der) && parseCertificate(der).record.isCa)))
    findings.push({
      code: 'key-in-bundle',
      place: `${place}:${key.line}`,
      meaning: `a private key lies in ${object.kind === 'ConfigMap' ? 'a ConfigMap' : 'a bundle of CAs'}, which others may read`,
    });
  return findings;
}

/** Of the type kubernetes.io/tls. */
function pairIn({ kind, type, data }: KubeObject, name: string): ScanFinding[] {
  if (kind !== 'Secret' || type !== 'kubernetes.io/tls') return [];
  const text = (key: string): string => {
    const value = (data as Record<string, unknown> | undefined)?.[key];
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
  };
  const [leaf] = findCertificates(text('tls.crt'));
  const spki = publicHalf(text('tls.key'));
  if (leaf === undefined || spki === undefined || leaf.record.spki === spki) return [];
  return [{ code: 'pair-mismatch', place: `${name} /data/tls.crt`, meaning: 'its key tls.key is that of another certificate: whoever loads the pair fails' }];
}

function publicHalf(pem: string): string | undefined {
  try {
    return spkiOf(createPublicKey(pem));
  } catch {
    return undefined;
  }
}

function isCertificate(der: Uint8Array): boolean {
  try {
    parseCertificate(der);
    return true;
  } catch {
    return false;
  }
}
