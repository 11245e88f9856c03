/** When a certificate ends in truth: with the first of its chain. */

import type { CertificateRecord } from '../cluster/inventory.js';
import { isIssuedBy, parseCertificate, seemsIssuedBy } from '../pki/certificate.js';
import { splitPem } from '../pki/pem.js';

export interface Ending {
  /** Its own NotAfter. Unix time in ms. */
  readonly notAfterMs: number;
  /** The earliest NotAfter of the chain that lasts longest. */
  readonly expiresAtMs: number;
  /** The CA found as its issuer. */
  readonly issuer?: CertificateRecord;
  /** The CA that ends before the certificate does. */
  readonly endsFirst?: CertificateRecord;
}

/**
 * Of every certificate that is asked for. A verifier needs one chain that holds (Go tries all of them), so of several issuers the one counts that
 * lasts longest. An issuer that was not found says nothing. CAs that have signed each other are well-defined too: what is counted is the largest
 * answer that agrees with itself. `pems`: certificates by fingerprint; where both are there the signature decides, else names and key identifiers.
 */
export function endings(cas: readonly CertificateRecord[], pems: Readonly<Record<string, string>> = {}): (record: CertificateRecord) => Ending {
  const authorities = [...new Map(cas.filter(({ isCa }) => isCa).map((ca) => [ca.fingerprint, ca])).values()];
  const bySubject = new Map<string, CertificateRecord[]>();
  for (const ca of authorities) bySubject.set(ca.subject, [...(bySubject.get(ca.subject) ?? []), ca]);
  const issuersOf = (record: CertificateRecord): CertificateRecord[] => (bySubject.get(record.issuer) ?? []).filter((ca) => issued(record, ca, pems));
  const ends = new Map(authorities.map((ca) => [ca.fingerprint, ca.notAfterMs]));
  const endOf = ({ fingerprint, notAfterMs }: CertificateRecord): number => ends.get(fingerprint) ?? notAfterMs;
  const longest = (issuers: readonly CertificateRecord[]): CertificateRecord | undefined =>
    issuers.reduce<CertificateRecord | undefined>((best, one) => (best === undefined || endOf(one) > endOf(best) ? one : best), undefined);
  const issuers = new Map(authorities.map((ca) => [ca.fingerprint, issuersOf(ca)]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const ca of authorities) {
      const issuer = longest(issuers.get(ca.fingerprint) ?? []);
      if (issuer === undefined || endOf(issuer) >= endOf(ca)) continue;
      ends.set(ca.fingerprint, endOf(issuer));
      changed = true;
    }
  }
  return (record) => {
    const { notAfterMs } = record;
    const issuer = longest(issuersOf(record));
    if (issuer === undefined) return { notAfterMs, expiresAtMs: notAfterMs };
    const expiresAtMs = Math.min(notAfterMs, endOf(issuer));
    if (expiresAtMs === notAfterMs) return { notAfterMs, expiresAtMs, issuer };
    let endsFirst = issuer;
    for (const seen = new Set<string>(); endsFirst.notAfterMs > expiresAtMs && !seen.has(endsFirst.fingerprint); ) {
      seen.add(endsFirst.fingerprint);
      endsFirst = longest(issuers.get(endsFirst.fingerprint) ?? []) ?? endsFirst;
    }
    return { notAfterMs, expiresAtMs, issuer, endsFirst };
  };
}

function issued(record: CertificateRecord, ca: CertificateRecord, pems: Readonly<Record<string, string>>): boolean {
  const [child, parent] = [pems[record.fingerprint], pems[ca.fingerprint]].map(parsed);
  return child === undefined || parent === undefined ? seemsIssuedBy(record, ca) : isIssuedBy(child, parent);
}

function parsed(pem: string | undefined): ReturnType<typeof parseCertificate> | undefined {
  const bytes = pem === undefined ? undefined : splitPem(pem).blocks[0]?.bytes;
  return bytes === undefined ? undefined : parseCertificate(bytes);
}
