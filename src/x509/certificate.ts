/** Makes certificates to the letter: each name attribute, usage and extension as its maker says, for issuers that are unlike kubeadm. */

import { createPublicKey, randomBytes } from 'node:crypto';
import type { Secret } from '../domain/secret.js';
import { cryptoKeysOf, privateKeyOf, x509 } from './crypto.js';
import { alternativeNames } from './subject.js';

/** One attribute of a name: `type` is a dotted identifier. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

export type KeyUsageName =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'certSign'
  | 'crlSign'
  | 'encipherOnly'
  | 'decipherOnly';

export interface RawExtension {
  readonly oid: string;
  readonly critical: boolean;
  /** DER of the value inside the OCTET STRING. */
  readonly value: Uint8Array;
}

export interface CertificateParts {
  /** Sets of attributes in their order; empty: no subject. */
  readonly subject: readonly (readonly NameAttribute[])[];
  /** DER of the SubjectPublicKeyInfo; that of the signer's key without. */
  readonly publicKey?: Uint8Array;
  /** Self-signed if it has no certificate. */
  readonly signer: { readonly keyPem: Secret; readonly certificatePem?: string };
  /** Unix ms; whole seconds are kept. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Twenty random bytes without. */
  readonly serial?: Uint8Array;
  readonly keyUsages: readonly KeyUsageName[];
  /** Dotted identifiers. */
  readonly extendedUsages: readonly string[];
  /** undefined: no basicConstraints extension. */
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number | undefined };
  /** `DNS:`, `IP:`, `URI:`, `email:`. */
  readonly sans: readonly string[];
  /** Taken over as they are; they win over those above, as with Go's x509.CreateCertificate (ExtraExtensions). */
  readonly extensions?: readonly RawExtension[];
}

/** A certificate with subject and authority key identifiers, PEM, newline-terminated. Throws ca-rejected if the signer's key cannot be used. */
export async function makeCertificate(parts: CertificateParts): Promise<string> {
  const { keys, signing } = await cryptoKeysOf(parts.signer.keyPem);
  const signerKey = createPublicKey(privateKeyOf(parts.signer.keyPem)).export({ type: 'spki', format: 'der' });
  const publicKey = new x509.PublicKey(parts.publicKey ?? signerKey);
  const subject = nameOfAttributes(parts.subject);
  const own = [
    ...(parts.keyUsages.length === 0 ? [] : [new x509.KeyUsagesExtension(flagsOf(parts.keyUsages), true)]),
    ...(parts.extendedUsages.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...parts.extendedUsages])]),
    ...(parts.basicConstraints === undefined ? [] : [new x509.BasicConstraintsExtension(parts.basicConstraints.ca, parts.basicConstraints.pathLength, true)]),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(new x509.PublicKey(signerKey)),
    ...(parts.sans.length === 0 ? [] : [alternativeNames(parts.sans)]),
  ];
  const given = parts.extensions ?? [];
  const taken = new Set(given.map(({ oid }) => oid));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(parts.serial ?? randomSerial()).toString('hex'),
    subject,
    issuer: parts.signer.certificatePem === undefined ? subject : new x509.X509Certificate(parts.signer.certificatePem).subjectName,
    notBefore: new Date(parts.notBeforeMs),
    notAfter: new Date(parts.notAfterMs),
    signingKey: keys.privateKey as never,
    signingAlgorithm: signing as never,
    publicKey,
    extensions: [...own.filter((extension) => !taken.has(extension.type)), ...given.map(({ oid, critical, value }) => new x509.Extension(oid, critical, Uint8Array.from(value)))],
  });
  return `${certificate.toString('pem')}\n`;
}

/** Positive and without a leading zero byte. */
function randomSerial(): Buffer {
  const serial = randomBytes(20);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function nameOfAttributes(sets: CertificateParts['subject']): x509.Name {
  return new x509.Name(
    sets.map((set) => {
      const json: Record<string, ({ printableString: string } | { utf8String: string })[]> = {};
      for (const { type, value } of [...set].sort(byDer)) {
        const kept = json[type] ?? [];
        json[type] = [...kept, /^[A-Za-z0-9 '()+,\-./:=?]+$/.test(value) ? { printableString: value } : { utf8String: value }];
      }
      return json;
    }),
  );
}

/** The order of a SET in DER, for attributes of one type: the shorter encoding first. */
function byDer(a: NameAttribute, b: NameAttribute): number {
  const [left, right] = [Buffer.from(a.value), Buffer.from(b.value)];
  return left.length - right.length || left.compare(right);
}

function flagsOf(usages: readonly KeyUsageName[]): number {
  const flags = x509.KeyUsageFlags;
  const bits: Readonly<Record<KeyUsageName, number>> = {
    digitalSignature: flags.digitalSignature,
    contentCommitment: flags.nonRepudiation,
    keyEncipherment: flags.keyEncipherment,
    dataEncipherment: flags.dataEncipherment,
    keyAgreement: flags.keyAgreement,
    certSign: flags.keyCertSign,
    crlSign: flags.cRLSign,
    encipherOnly: flags.encipherOnly,
    decipherOnly: flags.decipherOnly,
  };
  return usages.reduce((all, usage) => all | bits[usage], 0);
}
