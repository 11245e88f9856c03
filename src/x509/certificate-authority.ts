/** Makes CAs and leaves whose keys are in memory: for tests, fixtures and throw-away use. The CA of a rotation comes from the issuer. */

import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyType } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import type { Secret } from '../domain/secret.js';
import { pemOf } from '../domain/pki/pem.js';
import { algorithmsOf, privateKeyOf, x509 } from './crypto.js';
import { bitString, der, derNull, derTrue, integer, objectIdentifier, octetString, publicKeyBits, sequence, time } from './der-writer.js';
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
  const spki = spkiOf(keyPem);
  const name = nameDer(parts.subject);
  const signer: Signer = parts.signedBy === undefined ? { key: privateKeyOf(keyPem), name, keyId: keyIdentifier(spki) } : signerOf(parts.signedBy);
  const identifiers = parts.keyIdentifiers ?? 'both';
  const certificatePem = await certify(parts, signer, spki, name, [
    basicConstraints(true, parts.pathLength),
    keyUsage(['digitalSignature', 'keyEncipherment', 'keyCertSign']),
    ...extendedUsages(parts.usages ?? []),
    ...(parts.sans === undefined || parts.sans.length === 0 ? [] : [sanDer(parts.sans)]),
    ...(identifiers === 'none' ? [] : [subjectKeyIdentifier(keyIdentifier(spki))]),
    ...(identifiers === 'both' ? [authorityKeyIdentifier(signer.keyId)] : []),
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
  const san = request.getExtension('2.5.29.17');
  return leafFor(parts, Buffer.from(request.publicKey.rawData), Buffer.from(request.subjectName.toArrayBuffer()), san === null ? undefined : Buffer.from(san.rawData));
}

export interface PairLeafParts extends Omit<LeafParts, 'csrPem'> {
  readonly pair: KeyPair;
  readonly subject: Subject;
  /** `DNS:name` and so on. None: no such extension. */
  readonly sans?: readonly string[];
}

/** As signLeaf, for a key pair that is at hand: there is no request to make and to check. */
export function makeLeaf(parts: PairLeafParts): Promise<string> {
  const san = parts.sans === undefined || parts.sans.length === 0 ? undefined : sanDer(parts.sans);
  return leafFor(parts, spkiOf(parts.pair.privateKeyPem), nameDer(parts.subject), san);
}

function leafFor(parts: Omit<LeafParts, 'csrPem'>, spki: Buffer, subject: Buffer, san: Buffer | undefined): Promise<string> {
  const signer = signerOf(parts.ca);
  return certify(parts, signer, spki, subject, [
    keyUsage(['digitalSignature', 'keyEncipherment']),
    ...extendedUsages(parts.usages),
    basicConstraints(false),
    ...(parts.withAki === false ? [] : [authorityKeyIdentifier(signer.keyId)]),
    ...(san === undefined ? [] : [san]),
  ]);
}

interface Signer {
  readonly key: KeyObject;
  /** DER. */
  readonly name: Buffer;
  /** The CA certificate's own, which need not be the SHA-1 of its key (Go since 1.25): OpenSSL compares. */
  readonly keyId: Buffer;
}

const signers = new WeakMap<Ca, Signer>();

/** Read once for each CA: it signs hundreds of leaves. */
function signerOf(ca: Ca): Signer {
  const found = signers.get(ca);
  if (found !== undefined) return found;
  const certificate = new x509.X509Certificate(ca.certificatePem);
  const own = certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const keyId = own === undefined ? keyIdentifier(spkiOf(ca.keyPem)) : Buffer.from(own, 'hex');
  const signer = { key: privateKeyOf(ca.keyPem), name: Buffer.from(certificate.subjectName.toArrayBuffer()), keyId };
  signers.set(ca, signer);
  return signer;
}

const signAsync = promisify(sign) as (algorithm: string | null, data: Uint8Array, key: KeyObject) => Promise<Buffer>;

/** Written here rather than by the library, which reads again all that it writes: hundreds of nodes get their certificates at once. */
async function certify(validity: Validity, signer: Signer, spki: Buffer, subject: Buffer, extensions: readonly Buffer[]): Promise<string> {
  const { hash, algorithm } = signatureOf(signer.key);
  const serial = randomBytes(8);
  // Positive and without a leading zero byte, as kubeadm's 63 random bits.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.of(2))),
    integer(serial),
    algorithm,
    signer.name,
    sequence(time(validity.notBeforeMs), time(validity.notAfterMs)),
    subject,
    spki,
    der(0xa3, sequence(...extensions)),
  );
  const signature = await signAsync(hash, toBeSigned, signer.key);
  return pemOf('CERTIFICATE', sequence(toBeSigned, algorithm, bitString(signature)));
}

function signatureOf(key: KeyObject): { readonly hash: string | null; readonly algorithm: Buffer } {
  const { importing } = algorithmsOf(key);
  if (importing.name === 'Ed25519') return { hash: null, algorithm: sequence(objectIdentifier('1.3.101.112')) };
  if (importing.name !== 'ECDSA') return { hash: 'sha256', algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.11'), derNull) };
  const isP256 = key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return { hash: isP256 ? 'sha256' : 'sha384', algorithm: sequence(objectIdentifier(isP256 ? '1.2.840.10045.4.3.2' : '1.2.840.10045.4.3.3')) };
}

function spkiOf(keyPem: Secret): Buffer {
  return createPublicKey(privateKeyOf(keyPem)).export({ type: 'spki', format: 'der' });
}

/** RFC 5280 4.2.1.2 (1). */
function keyIdentifier(spki: Buffer): Buffer {
  return createHash('sha1').update(publicKeyBits(spki)).digest();
}

function nameDer(subject: Subject): Buffer {
  return Buffer.from(nameOf(subject).toArrayBuffer());
}

function sanDer(sans: readonly string[]): Buffer {
  return Buffer.from(alternativeNames(sans).rawData);
}

function extension(oid: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(oid), isCritical ? derTrue : Buffer.alloc(0), octetString(value));
}

const usageBits = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04 } as const;

function keyUsage(usages: readonly (keyof typeof usageBits)[]): Buffer {
  const bits = usages.reduce((all, usage) => all | usageBits[usage], 0);
  return extension('2.5.29.15', true, bitString(Buffer.of(bits), 31 - Math.clz32(bits & -bits)));
}

function basicConstraints(isCa: boolean, pathLength?: number): Buffer {
  return extension('2.5.29.19', true, sequence(...(isCa ? [derTrue] : []), ...(pathLength === undefined ? [] : [integer(Buffer.of(pathLength))])));
}

function subjectKeyIdentifier(keyId: Buffer): Buffer {
  return extension('2.5.29.14', false, octetString(keyId));
}

function authorityKeyIdentifier(keyId: Buffer): Buffer {
  return extension('2.5.29.35', false, sequence(der(0x80, keyId)));
}

function extendedUsages(usages: readonly ('serverAuth' | 'clientAuth')[]): Buffer[] {
  const oids = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;
  return usages.length === 0 ? [] : [extension('2.5.29.37', false, sequence(...usages.map((usage) => objectIdentifier(oids[usage]))))];
}
