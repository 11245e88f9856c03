/** Makes CAs and leaves whose keys are in memory: for tests, fixtures and throw-away use. The CA of a rotation comes from the issuer. */

import { randomBytes } from 'node:crypto';
import type { KeyType } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import type { Secret } from '../domain/secret.js';
import { cryptoKeysOf, x509 } from './crypto.js';
import { type KeyPair, makeKeyPair } from './key-pair.js';
import { alternativeNames, nameOf, type Subject } from './subject.js';

export interface Ca {
  readonly certificatePem: string;
  readonly keyPem: Secret;
}

export interface Validity {
  /** Unix time in ms; whole seconds are kept. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface CaParts extends Validity {
  readonly subject: Subject;
  /** Default ecdsa-p256. Not used if a key is given. */
  readonly keyType?: KeyType;
  /** Make the certificate for this key instead of a new one. */
  readonly keyPem?: Secret;
  /** The CA that signs it; self-signed without. */
  readonly signedBy?: Ca;
  readonly pathLength?: number;
  /** `DNS:name` and so on: kubeadm gives its CAs the DNS name of their CN. */
  readonly sans?: readonly string[];
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
  /** Default both. */
  readonly keyIdentifiers?: 'both' | 'ski' | 'none';
}

/** A CA certificate as kubeadm makes it: digitalSignature, keyEncipherment, keyCertSign; SKI, and AKI. */
export async function makeCa(parts: CaParts): Promise<Ca> {
  const keyPem = parts.keyPem ?? (await makeKeyPair(parts.keyType ?? 'ecdsa-p256')).privateKeyPem;
  const { keys } = await cryptoKeysOf(keyPem);
  const signer: Signer = parts.signedBy === undefined ? { keyPem, name: nameOf(parts.subject), publicKey: keys.publicKey } : await signerOf(parts.signedBy);
  const flags = x509.KeyUsageFlags;
  const identifiers = parts.keyIdentifiers ?? 'both';
  const certificatePem = await certify(parts, signer, keys.publicKey, nameOf(parts.subject), [
    new x509.BasicConstraintsExtension(true, parts.pathLength, true),
    new x509.KeyUsagesExtension(flags.digitalSignature | flags.keyEncipherment | flags.keyCertSign, true),
    ...usageExtension(parts.usages ?? []),
    ...(parts.sans === undefined || parts.sans.length === 0 ? [] : [alternativeNames(parts.sans)]),
    ...(identifiers === 'none' ? [] : [await x509.SubjectKeyIdentifierExtension.create(publicKey(keys.publicKey))]),
    ...(identifiers === 'both' ? [await authorityKeyIdentifier(signer)] : []),
  ]);
  return { certificatePem, keyPem };
}

export interface LeafParts extends Validity {
  readonly ca: Ca;
  readonly csrPem: string;
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
  /** Default true. */
  readonly withAki?: boolean;
}

/** Signs a request: subject and SANs are those of the request. PEM, newline-terminated. Throws pem-invalid on a request that does not verify. */
export async function signLeaf(parts: LeafParts): Promise<string> {
  const request = new x509.Pkcs10CertificateRequest(parts.csrPem);
  if (!(await request.verify()))
    fail('pem-invalid', { target: 'certificate request', summary: 'the signature of a certificate request does not match its key', nextAction: 'Make the request again' });
  return leafFor(parts, request.publicKey, request.subjectName, request.getExtension('2.5.29.17'));
}

export interface PairLeafParts extends Omit<LeafParts, 'csrPem'> {
  readonly pair: KeyPair;
  readonly subject: Subject;
  /** `DNS:name` and so on. None: no such extension. */
  readonly sans?: readonly string[];
}

/** As signLeaf, for a key pair that is at hand: there is no request to make and to check. */
export async function makeLeaf(parts: PairLeafParts): Promise<string> {
  const { keys } = await cryptoKeysOf(parts.pair.privateKeyPem);
  const san = parts.sans === undefined || parts.sans.length === 0 ? null : alternativeNames(parts.sans);
  return leafFor(parts, keys.publicKey, nameOf(parts.subject), san);
}

async function leafFor(parts: Omit<LeafParts, 'csrPem'>, subjectKey: unknown, subject: x509.Name, san: x509.Extension | null): Promise<string> {
  const signer = await signerOf(parts.ca);
  const flags = x509.KeyUsageFlags;
  return certify(parts, signer, subjectKey, subject, [
    new x509.KeyUsagesExtension(flags.digitalSignature | flags.keyEncipherment, true),
    ...usageExtension(parts.usages),
    new x509.BasicConstraintsExtension(false, undefined, true),
    ...(parts.withAki === false ? [] : [await authorityKeyIdentifier(signer)]),
    ...(san === null ? [] : [san]),
  ]);
}

interface Signer {
  readonly keyPem: Secret;
  readonly name: x509.Name;
  readonly publicKey: unknown;
  /** The CA certificate's own, which need not be the SHA-1 of its key (Go since 1.25): OpenSSL compares. */
  readonly keyId?: string;
}

const signers = new WeakMap<Ca, Promise<Signer>>();

/** Read once for each CA. */
function signerOf(ca: Ca): Promise<Signer> {
  const found = signers.get(ca);
  if (found !== undefined) return found;
  const read = readSigner(ca);
  signers.set(ca, read);
  return read;
}

async function readSigner(ca: Ca): Promise<Signer> {
  const { keys } = await cryptoKeysOf(ca.keyPem);
  const certificate = new x509.X509Certificate(ca.certificatePem);
  const keyId = certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  return { keyPem: ca.keyPem, name: certificate.subjectName, publicKey: keys.publicKey, ...(keyId === undefined ? {} : { keyId }) };
}

async function certify(validity: Validity, signer: Signer, subjectKey: unknown, subject: x509.Name, extensions: x509.Extension[]): Promise<string> {
  const { keys, signing } = await cryptoKeysOf(signer.keyPem);
  const serial = randomBytes(8);
  // Positive and without a leading zero byte, as kubeadm's 63 random bits.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString('hex'),
    subject,
    issuer: signer.name,
    notBefore: new Date(validity.notBeforeMs),
    notAfter: new Date(validity.notAfterMs),
    signingKey: keys.privateKey as never,
    signingAlgorithm: signing as never,
    publicKey: publicKey(subjectKey),
    extensions,
  });
  return `${certificate.toString('pem')}\n`;
}

async function authorityKeyIdentifier(signer: Signer): Promise<x509.Extension> {
  return signer.keyId === undefined ? x509.AuthorityKeyIdentifierExtension.create(publicKey(signer.publicKey)) : new x509.AuthorityKeyIdentifierExtension(signer.keyId);
}

function usageExtension(usages: readonly ('serverAuth' | 'clientAuth')[]): x509.Extension[] {
  const oids = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;
  return usages.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(usages.map((usage) => oids[usage]))];
}

// Node's CryptoKey and that of the library's types differ in name only.
function publicKey(key: unknown): x509.PublicKey {
  return key as x509.PublicKey;
}
