/** What verification needs of a certificate, and the question that it answers: one for certificates that lie somewhere and those that a plan will issue. */

import type { CertificateRecord } from '../cluster/inventory.js';
import type { Certificate } from './certificate.js';

/** A certificate as a verifier sees it. What a plan will issue has no DER yet: its `record.fingerprint` is then any name that no other has. */
export interface ChainCertificate {
  readonly record: CertificateRecord;
  /** Hex of the DER of the names: Go compares these, not the texts. */
  readonly rawSubject: string;
  readonly rawIssuer: string;
  /** 1 or 3. */
  readonly version: number;
  /** undefined: the extension is absent. */
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  /** May it sign certificates by its KeyUsage? undefined: the extension is absent. */
  readonly keyCertSign: boolean | undefined;
  /** Object identifiers of the ExtendedKeyUsage; undefined: the extension is absent. */
  readonly extendedUsages: readonly string[] | undefined;
  /** Object identifier of the algorithm with which it is signed. undefined: one that its issuer's key makes, and not a weak one. */
  readonly signatureAlgorithm?: string;
  /** Issuer and serial of the issuing CA, where the authorityKeyIdentifier names them: they pin one certificate of that CA. */
  readonly authority?: { readonly issuer: string; readonly serial: string };
}

/** Is the signature of `child` one of the key of `parent`? */
export type Signed<C extends ChainCertificate> = (child: C, parent: C) => boolean;

export interface ChainQuestion<C extends ChainCertificate = Certificate> {
  readonly leaf: C;
  /** What is presented after the leaf, in any order. */
  readonly intermediates?: readonly C[];
  /** The trust anchors, in the order of their file. */
  readonly bundle: { readonly certificates: readonly C[] };
  /** Unix time in ms. */
  readonly atMs: number;
  readonly usage: 'serverAuth' | 'clientAuth' | 'any';
  /** Host name or address that the leaf must be for. undefined: none is asked for, as of clients. */
  readonly name?: string;
  /** Default, for real certificates: `isSignedBy`. */
  readonly signed?: Signed<C>;
}

/** A question about certificates some of which do not exist yet. */
export type PlannedQuestion<C extends ChainCertificate> = ChainQuestion<C> & { readonly signed: Signed<C> };

export type ChainFault =
  | 'unknown-authority'
  /** A CA of that name is there, but with another key. */
  | 'wrong-key'
  /** MD5 or SHA-1, which Go has not accepted since 1.18. */
  | 'weak-signature'
  | 'expired'
  | 'not-yet-valid'
  | 'not-a-ca'
  | 'path-too-long'
  | 'wrong-usage'
  | 'too-many-checks'
  /** It is for other names or addresses. */
  | 'wrong-name'
  /** It has no alternative name of the kind that is asked for: only a common name, or no address. */
  | 'no-san';

/** Signatures do not change, and the same pairs are asked of again and again. Forgotten with their certificates. */
const known = new WeakMap<Certificate, WeakMap<Certificate, boolean>>();

/** The signature of a real certificate by a real one. */
export function isSignedBy(child: Certificate, parent: Certificate): boolean {
  const ofChild = known.get(child) ?? new WeakMap<Certificate, boolean>();
  known.set(child, ofChild);
  const holds = ofChild.get(parent) ?? verifies(child, parent);
  ofChild.set(parent, holds);
  return holds;
}

function verifies(child: Certificate, parent: Certificate): boolean {
  try {
    return child.x509.verify(parent.x509.publicKey);
  } catch {
    // OpenSSL refuses some pairs of key and algorithm outright: not signed by it.
    return false;
  }
}

type KeyKind = 'rsa' | 'ec' | 'ed25519';

/** Kind of key that makes a signature of this algorithm. undefined: not known. */
export function keyKindOfSignature(oid: string | undefined): KeyKind | undefined {
  if (oid?.startsWith('1.2.840.113549.1.1.')) return 'rsa';
  if (oid?.startsWith('1.2.840.10045.4.')) return 'ec';
  return oid === '1.3.101.112' ? 'ed25519' : undefined;
}

/** Kind of the public key. undefined: not known. */
export function keyKindOf({ record }: ChainCertificate): KeyKind | undefined {
  if (record.keyType.startsWith('rsa')) return 'rsa';
  if (record.keyType.startsWith('ecdsa')) return 'ec';
  return record.keyType === 'ed25519' ? 'ed25519' : undefined;
}
