/** A trust bundle: CA certificates in an order, each once. The order matters to readers that take only the first (kubeadm). */

import { type Certificate, type PemRules, readCertificates } from './certificate.js';

export interface TrustBundle {
  readonly certificates: readonly Certificate[];
}

/** A bundle of these certificates; of equal ones the first stays. */
export function bundleOf(certificates: readonly Certificate[]): TrustBundle {
  const seen = new Set<string>();
  return {
    certificates: certificates.filter(({ record }) => {
      if (seen.has(record.fingerprint)) return false;
      seen.add(record.fingerprint);
      return true;
    }),
  };
}

/** Reads a bundle; rules are `strict` unless said otherwise. Throws pem-invalid with `source:line:column`. */
export function readBundle(text: string, options: { readonly source: string; readonly rules?: PemRules }): TrustBundle {
  return bundleOf(readCertificates(text, { source: options.source, rules: options.rules ?? 'strict' }));
}

/** The bundle with a CA at its end or, with `place: 'first'`, at its beginning, wherever it stood before. */
export function withCa(bundle: TrustBundle, ca: Certificate, options: { readonly place?: 'first' | 'last' } = {}): TrustBundle {
  const others = withoutCa(bundle, ca.record.fingerprint).certificates;
  return { certificates: options.place === 'first' ? [ca, ...others] : [...others, ca] };
}

/** The bundle without the CA of this fingerprint. */
export function withoutCa(bundle: TrustBundle, fingerprint: string): TrustBundle {
  return { certificates: bundle.certificates.filter(({ record }) => record.fingerprint !== fingerprint) };
}

/** Is each CA of `other` in it? */
export function covers(bundle: TrustBundle, other: TrustBundle): boolean {
  const own = fingerprintsOf(bundle);
  return other.certificates.every(({ record }) => own.has(record.fingerprint));
}

/** The same CAs, in any order. */
export function equalSet(one: TrustBundle, other: TrustBundle): boolean {
  return one.certificates.length === other.certificates.length && covers(one, other);
}

/** One newline-terminated block after the other, nothing else. */
export function toPem(bundle: TrustBundle): string {
  return bundle.certificates.map(({ pem }) => pem).join('');
}

/** The fingerprints of its CAs. */
export function fingerprintsOf(bundle: TrustBundle): Set<string> {
  return new Set(bundle.certificates.map(({ record }) => record.fingerprint));
}
