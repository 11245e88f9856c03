/** PEM to certificates: names, validity, key identifiers, fingerprints, constraints. RSA, ECDSA and Ed25519. */

import { createHash, X509Certificate } from 'node:crypto';
import type { CertificateRecord, KeyType } from '../cluster/inventory.js';
import { fail } from '../errors.js';
import type { ChainCertificate } from './chain-certificate.js';
import { childrenOf, type DerValue, oidOf, readDer, tags } from './der.js';
import { generalNames, nameText } from './names.js';
import { pemOf, splitPem } from './pem.js';

/** A parsed certificate. `record` is its plain form for inventories; the rest is what verification needs. */
export interface Certificate extends ChainCertificate {
  readonly der: Buffer;
  /** One block, newline-terminated. */
  readonly pem: string;
  readonly x509: X509Certificate;
  readonly signatureAlgorithm: string;
}

/**
 * `kubernetes`: as client-go reads a bundle: text around blocks, other blocks, blocks with headers and torn blocks are passed over.
 * `strict`: as etcd, and more: every block must be a whole certificate.
 */
export type PemRules = 'kubernetes' | 'strict';

export const usageOids = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2', any: '2.5.29.37.0' } as const;

const extensionOids = { ski: '2.5.29.14', keyUsage: '2.5.29.15', san: '2.5.29.17', basicConstraints: '2.5.29.19', aki: '2.5.29.35', usages: '2.5.29.37' } as const;

/** A cluster has the same certificates in many places, and they are read again at each look: by their bytes, the newest last. */
const parsed = new Map<string, Certificate>();
const mostParsed = 1_000;

/** Parses one certificate; the same bytes give the same object. Throws RangeError or OpenSSL's error when the bytes are not a certificate. */
export function parseCertificate(der: Uint8Array): Certificate {
  const key = sha256(der);
  const found = parsed.get(key) ?? parse(Buffer.from(der));
  parsed.delete(key);
  parsed.set(key, found);
  const [oldest] = parsed.keys();
  if (parsed.size > mostParsed && oldest !== undefined) parsed.delete(oldest);
  return found;
}

function parse(bytes: Buffer): Certificate {
  const x509 = new X509Certificate(bytes);
  const whole = readDer(bytes);
  if (whole.raw.length !== bytes.length) throw new RangeError('bytes follow the certificate');
  const fields = childrenOf(at(childrenOf(whole), 0));
  const version = at(fields, 0).tag === 0xa0 ? (readDer(at(fields, 0).content).content[0] ?? 0) + 1 : 1;
  const base = version === 1 && at(fields, 0).tag !== 0xa0 ? 0 : 1;
  const issuer = at(fields, base + 2);
  const subject = at(fields, base + 4);
  const spki = at(fields, base + 5);
  const extensions = extensionsOf(fields);
  const basicConstraints = basicConstraintsOf(extensions);
  const extendedUsages = extensions.has(extensionOids.usages) ? childrenOf(extension(extensions, extensionOids.usages)).map(oidOf) : undefined;
  return {
    der: bytes,
    pem: pemOf('CERTIFICATE', bytes),
    x509,
    rawSubject: subject.raw.toString('hex'),
    rawIssuer: issuer.raw.toString('hex'),
    version,
    basicConstraints,
    keyCertSign: keyCertSignOf(extensions),
    extendedUsages,
    signatureAlgorithm: oidOf(at(childrenOf(at(fields, base + 1)), 0)),
    ...authorityOf(extensions),
    record: {
      fingerprint: sha256(bytes),
      spki: sha256(spki.raw),
      subject: nameText(subject),
      issuer: nameText(issuer),
      serial: x509.serialNumber.toLowerCase(),
      ski: extensions.has(extensionOids.ski) ? extension(extensions, extensionOids.ski).content.toString('hex') : '',
      aki: akiOf(extensions),
      notBeforeMs: Date.parse(x509.validFrom),
      notAfterMs: Date.parse(x509.validTo),
      isCa: basicConstraints?.ca ?? false,
      keyType: keyTypeOf(x509),
      sans: extensions.has(extensionOids.san) ? generalNames(extension(extensions, extensionOids.san)) : [],
      usages: usagesOf(extendedUsages),
    },
  };
}

/** The certificates of a file or object that must hold at least one. `source` is its path or name. Throws pem-invalid with `source:line:column`. */
export function readCertificates(text: string, options: { readonly source: string; readonly rules?: PemRules }): Certificate[] {
  const strict = options.rules === 'strict';
  const { blocks, damage } = splitPem(text);
  const torn = damage[0];
  if (strict && torn !== undefined) invalid(options.source, torn.line, torn.column, torn.cause);
  const certificates: Certificate[] = [];
  for (const block of blocks) {
    if (block.label !== 'CERTIFICATE' || block.hasHeaders) {
      if (strict) invalid(options.source, block.line, 1, block.hasHeaders ? 'a block with headers' : `a block of the kind "${block.label}", only certificates may stand here`);
      continue;
    }
    try {
      certificates.push(...(strict ? [parseCertificate(block.bytes)] : certificatesIn(block.bytes)));
    } catch (error) {
      invalid(options.source, block.line, 1, `the block is not a certificate (${error instanceof Error ? error.message : String(error)})`);
    }
  }
  if (certificates.length === 0) invalid(options.source, 1, 1, torn?.cause ?? 'there is no certificate in it');
  return certificates;
}

/** Go: ParseCertificates. One after the other may stand in a block, and none. */
function certificatesIn(bytes: Buffer): Certificate[] {
  if (bytes.length === 0) return [];
  try {
    return [parseCertificate(bytes)];
  } catch (error) {
    const { raw } = readDer(bytes);
    if (raw.length === bytes.length) throw error;
    return [parseCertificate(raw), ...certificatesIn(bytes.subarray(raw.length))];
  }
}

/** Every certificate that can be found in a text; whatever is damaged is left out. For scans, which report and do not judge. */
export function findCertificates(text: string): Certificate[] {
  return splitPem(text).blocks.flatMap((block) => {
    if (block.label !== 'CERTIFICATE' || block.hasHeaders) return [];
    try {
      return [parseCertificate(block.bytes)];
    } catch {
      return [];
    }
  });
}

/** The first certificate of a text: the leaf, where a chain follows it. Throws pem-invalid. */
export function readLeaf(text: string, options: { readonly source: string }): Certificate {
  return at(readCertificates(text, options), 0);
}

/** Records of every certificate that can be found in a text. */
export function recordsOf(text: string): CertificateRecord[] {
  return findCertificates(text).map((certificate) => certificate.record);
}

/** By names and key identifiers only, as far as records go: could `ca` have issued it? Where the certificates are at hand use `isIssuedBy`. */
export function seemsIssuedBy(record: CertificateRecord, ca: CertificateRecord): boolean {
  return ca.isCa && record.issuer === ca.subject && (record.aki === '' || ca.ski === '' || record.aki === ca.ski);
}

/** The exact issuer name and the signature. */
export function isIssuedBy(certificate: Certificate, ca: Certificate): boolean {
  return certificate.rawIssuer === ca.rawSubject && certificate.x509.verify(ca.x509.publicKey);
}

/** SHA-256 of the SubjectPublicKeyInfo of a public key, lower-case hex: what `spki` of a record holds. */
export function spkiOf(key: { export(options: { type: 'spki'; format: 'der' }): Buffer }): string {
  return sha256(key.export({ type: 'spki', format: 'der' }));
}

function invalid(source: string, line: number, column: number, cause: string): never {
  const where = `${source}:${line}:${column}`;
  fail('pem-invalid', { target: source, summary: `${where} is not what must stand there`, cause, nextAction: `Look at ${where} and put the right certificates there` });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError('a part of the certificate is missing');
  return item;
}

type Extensions = ReadonlyMap<string, Buffer>;

function extensionsOf(fields: readonly DerValue[]): Extensions {
  const explicit = fields.find((field) => field.tag === 0xa3);
  if (explicit === undefined) return new Map();
  return new Map(
    childrenOf(readDer(explicit.content)).map((entry) => {
      const parts = childrenOf(entry);
      const value = at(parts, parts.length - 1);
      if (value.tag !== tags.octetString) throw new RangeError('an extension without a value');
      return [oidOf(at(parts, 0)), value.content];
    }),
  );
}

function extension(extensions: Extensions, oid: string): DerValue {
  return readDer(extensions.get(oid) ?? Buffer.alloc(0));
}

function akiOf(extensions: Extensions): string {
  if (!extensions.has(extensionOids.aki)) return '';
  // keyIdentifier is [0] IMPLICIT; issuer and serial may stand beside it or instead.
  const keyId = childrenOf(extension(extensions, extensionOids.aki)).find((part) => part.tag === 0x80);
  return keyId?.content.toString('hex') ?? '';
}

/** authorityCertIssuer [1] and authorityCertSerialNumber [2]: the one directory name, and the serial as records have it. */
function authorityOf(extensions: Extensions): Pick<ChainCertificate, 'authority'> {
  if (!extensions.has(extensionOids.aki)) return {};
  const parts = childrenOf(extension(extensions, extensionOids.aki));
  const serial = parts.find((part) => part.tag === 0x82);
  const names = parts.find((part) => part.tag === 0xa1);
  const directoryName = names === undefined ? undefined : childrenOf(names).find((name) => name.tag === 0xa4);
  if (serial === undefined || directoryName === undefined) return {};
  return { authority: { issuer: nameText(readDer(directoryName.content)), serial: serial.content.toString('hex').replace(/^(00)+(?=.)/, '') } };
}

function basicConstraintsOf(extensions: Extensions): Certificate['basicConstraints'] {
  if (!extensions.has(extensionOids.basicConstraints)) return undefined;
  const parts = childrenOf(extension(extensions, extensionOids.basicConstraints));
  const ca = parts.find((part) => part.tag === tags.boolean);
  const length = parts.find((part) => part.tag === tags.integer);
  return {
    ca: ca !== undefined && ca.content[0] !== 0,
    pathLength: length === undefined ? undefined : Number.parseInt(length.content.toString('hex'), 16),
  };
}

function keyCertSignOf(extensions: Extensions): boolean | undefined {
  if (!extensions.has(extensionOids.keyUsage)) return undefined;
  // BIT STRING: one byte of unused bits, then the bits from the left; keyCertSign is bit 5.
  return ((extension(extensions, extensionOids.keyUsage).content[1] ?? 0) & 0x04) !== 0;
}

function usagesOf(oids: readonly string[] | undefined): CertificateRecord['usages'] {
  if (oids === undefined) return [];
  const any = oids.includes(usageOids.any);
  return (['serverAuth', 'clientAuth'] as const).filter((usage) => any || oids.includes(usageOids[usage]));
}

function keyTypeOf(x509: X509Certificate): KeyType {
  const key = x509.publicKey;
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa') {
    const bits = details?.modulusLength;
    return bits === 2048 ? 'rsa-2048' : bits === 3072 ? 'rsa-3072' : bits === 4096 ? 'rsa-4096' : 'other';
  }
  if (key.asymmetricKeyType === 'ec') return details?.namedCurve === 'prime256v1' ? 'ecdsa-p256' : details?.namedCurve === 'secp384r1' ? 'ecdsa-p384' : 'other';
  return key.asymmetricKeyType === 'ed25519' ? 'ed25519' : 'other';
}
