/** Certificates by serial, the CA's own, and revocation (path_fetch.go, path_revoke.go). CRLs are not made: nothing that is rehearsed reads them. */

import { splitPem } from '../../../domain/pki/pem.js';
import { type Outcome, refused } from '../answer.js';
import { ignoredWarning, readFields } from '../fields.js';
import { goTime } from '../go-format.js';
import { colons } from './key-material.js';
import type { PkiStore, StoredCertificate } from './store.js';

export function listCertificates(store: PkiStore): Outcome {
  return { data: { keys: Object.keys(store.certificates).sort() } };
}

/** cert/ca, cert/ca_chain, cert/SERIAL. */
export function readCertificate(store: PkiStore, name: string): Outcome | undefined {
  if (name === 'ca' || name === 'ca_chain') {
    const pem = store.findIssuer('default')?.certificatePem.trimEnd();
    if (pem === undefined) return undefined;
    return { data: { ...(name === 'ca_chain' ? { ca_chain: pem } : {}), certificate: pem, revocation_time: 0, revocation_time_rfc3339: '' } };
  }
  const found = store.certificates[serialOf(name)];
  if (found === undefined) return undefined;
  const { revoked, issuerId, pem } = found;
  return {
    data: {
      certificate: pem.trimEnd(),
      ...(revoked === undefined ? {} : { issuer_id: issuerId }),
      revocation_time: revoked?.seconds ?? 0,
      revocation_time_rfc3339: revoked?.text ?? '',
    },
  };
}

/** ca, ca/pem, ca_chain: bytes, not JSON; none if there is no default issuer. */
export function readCa(store: PkiStore, form: 'der' | 'pem' | 'chain'): Outcome {
  const pem = store.findIssuer('default')?.certificatePem.trimEnd() ?? '';
  if (form === 'der') return { raw: { contentType: 'application/pkix-cert', text: splitPem(pem).blocks[0]?.bytes ?? '' } };
  return { raw: { contentType: form === 'pem' ? 'application/pem-certificate-chain' : 'application/pkix-cert', text: pem } };
}

export function revoke(store: PkiStore, data: Readonly<Record<string, unknown>>, nowMs: number): Outcome {
  const fields = readFields(data, { serial_number: 'string', certificate: 'string' });
  const [given, pem] = [fields.text('serial_number'), fields.text('certificate')];
  if (given === '' && pem === '') throw refused('The serial number or certificate to revoke must be provided.');
  if (given !== '' && pem !== '') throw refused('Must provide either the certificate or the serial to revoke; not both.');
  const found = given === '' ? byPem(store, pem) : store.certificates[serialOf(given)];
  if (found === undefined) throw refused(`certificate with serial ${given === '' ? 'unknown' : serialOf(given)} not found.`);
  const issuer = store.issuers[found.issuerId];
  if (issuer !== undefined && issuer.serial === found.serial) throw refused(`adding issuer (id: ${issuer.id}) to its own CRL is not allowed`);
  if (found.notAfterMs < nowMs && found.revoked === undefined) {
    return { data: null, warnings: [`certificate with serial ${found.serial} already expired; refusing to add to CRL`] };
  }
  found.revoked ??= { seconds: Math.floor(nowMs / 1_000), text: goTime(nowMs, 414_598) };
  return { data: { revocation_time: found.revoked.seconds, revocation_time_rfc3339: found.revoked.text, state: 'revoked' }, warnings: ignoredWarning(fields) };
}

function byPem(store: PkiStore, pem: string): StoredCertificate | undefined {
  return Object.values(store.certificates).find((one) => one.pem.trim() === pem.trim());
}

/** Colons or hyphens, any case. */
function serialOf(text: string): string {
  const hex = text.toLowerCase().replaceAll('-', ':');
  return hex.includes(':') ? hex : colons(Buffer.from(hex, 'hex'));
}
