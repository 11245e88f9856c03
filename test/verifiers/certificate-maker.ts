/** Makes certificates of any shape, the wrong ones too: what src/x509 would not make. Keys are made once for each name. */

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type Certificate, parseCertificate, usageOids } from '../../src/domain/pki/certificate.js';
import { bitString, der, derNull, derTrue, integer, objectIdentifier, octetString, publicKeyBits, sequence, time } from '../../src/x509/der-writer.js';
import { alternativeNames } from '../../src/x509/subject.js';

export interface Shape {
  readonly cn: string;
  /** Default PrintableString. */
  readonly isUtf8?: boolean | undefined;
  /** Name of its key; what stands before the first hyphen is the kind if it is `rsa` or `ed25519`, else it is ECDSA P-256. Default: its own name. */
  readonly key?: string | undefined;
  /** Name of the certificate that signs; self-signed without. */
  readonly by?: string | undefined;
  /** Default 3. */
  readonly version?: 1 | 3 | undefined;
  /** undefined: no basicConstraints. */
  readonly ca?: boolean | undefined;
  readonly pathLength?: number | undefined;
  /** keyCertSign: true; only digitalSignature and keyEncipherment: false; undefined: no KeyUsage. */
  readonly keyCertSign?: boolean | undefined;
  readonly usages?: readonly (keyof typeof usageOids)[] | undefined;
  readonly sans?: readonly string[] | undefined;
  /** `own`: SHA-1 of the key; `other`: another; `none`. */
  readonly ski: 'own' | 'other' | 'none';
  /** `issuer`: its SKI; `other`: one that nobody has; `pinned`: issuer and serial of the issuer too. */
  readonly aki: 'issuer' | 'other' | 'pinned' | 'none';
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isSha1?: boolean | undefined;
  /** Hex. Default: made of its name. */
  readonly serial?: string | undefined;
}

const keys = new Map<string, KeyObject>();

function keyNamed(name: string): KeyObject {
  const found = keys.get(name) ?? newKey(name.split('-')[0] ?? '');
  keys.set(name, found);
  return found;
}

function newKey(kind: string): KeyObject {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  if (kind === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** The certificates of these shapes; each may be signed by those before it. */
export function makeAll(shapes: Readonly<Record<string, Shape>>): ReadonlyMap<string, Certificate> {
  const made = new Map<string, Certificate>();
  for (const [name, shape] of Object.entries(shapes)) {
    const issuer = shape.by === undefined ? undefined : { shape: shapes[shape.by] as Shape, name: shape.by, certificate: made.get(shape.by) as Certificate };
    made.set(name, parseCertificate(derOf(name, shape, issuer)));
  }
  return made;
}

interface Issuer {
  readonly name: string;
  readonly shape: Shape;
  readonly certificate: Certificate;
}

function derOf(name: string, shape: Shape, issuer: Issuer | undefined): Buffer {
  const own = keyNamed(shape.key ?? name);
  const signer = issuer === undefined ? own : keyNamed(issuer.shape.key ?? issuer.name);
  const spki = createPublicKey(own).export({ type: 'spki', format: 'der' });
  const { hash, algorithm } = algorithmOf(signer, shape.isSha1 ?? false);
  const serial = Buffer.from(shape.serial ?? `01${createHash('sha256').update(name).digest('hex').slice(0, 14)}`, 'hex');
  const keyId = shape.ski === 'none' ? undefined : shape.ski === 'own' ? keyIdOf(spki) : createHash('sha256').update(spki).digest().subarray(0, 20);
  const issuerName = nameDer(issuer?.shape ?? shape);
  const extensions = [...basic(shape), ...usagesOf(shape), ...identifiers(shape, { keyId, issuer, serial })];
  const body = sequence(
    ...(shape.version === 1 ? [] : [der(0xa0, integer(Buffer.of(2)))]),
    integer(serial),
    algorithm,
    issuerName,
    sequence(time(shape.notBeforeMs), time(shape.notAfterMs)),
    nameDer(shape),
    spki,
    ...(shape.version === 1 || extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  return sequence(body, algorithm, bitString(sign(hash, body, signer)));
}

function algorithmOf(key: KeyObject, isSha1: boolean): { hash: string | null; algorithm: Buffer } {
  if (key.asymmetricKeyType === 'ed25519') return { hash: null, algorithm: sequence(objectIdentifier('1.3.101.112')) };
  const hash = isSha1 ? 'sha1' : 'sha256';
  if (key.asymmetricKeyType === 'rsa') return { hash, algorithm: sequence(objectIdentifier(`1.2.840.113549.1.1.${isSha1 ? 5 : 11}`), derNull) };
  return { hash, algorithm: sequence(objectIdentifier(`1.2.840.10045.4.${isSha1 ? '1' : '3.2'}`)) };
}

function nameDer({ cn, isUtf8 }: Shape): Buffer {
  return sequence(der(0x31, sequence(objectIdentifier('2.5.4.3'), der(isUtf8 ? 0x0c : 0x13, Buffer.from(cn)))));
}

function keyIdOf(spki: Buffer): Buffer {
  return createHash('sha1').update(publicKeyBits(spki)).digest();
}

function extension(oid: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(oid), isCritical ? derTrue : Buffer.alloc(0), octetString(value));
}

function basic({ ca, pathLength, keyCertSign, sans }: Shape): Buffer[] {
  const length = pathLength === undefined ? [] : [integer(Buffer.of(pathLength))];
  return [
    ...(ca === undefined ? [] : [extension('2.5.29.19', true, sequence(...(ca ? [derTrue] : []), ...length))]),
    ...(keyCertSign === undefined ? [] : [extension('2.5.29.15', true, keyCertSign ? bitString(Buffer.of(0xa4), 2) : bitString(Buffer.of(0xa0), 5))]),
    ...(sans === undefined ? [] : [Buffer.from(alternativeNames(sans).rawData)]),
  ];
}

function usagesOf({ usages }: Shape): Buffer[] {
  return usages === undefined ? [] : [extension('2.5.29.37', false, sequence(...usages.map((usage) => objectIdentifier(usageOids[usage]))))];
}

function identifiers(shape: Shape, parts: { keyId: Buffer | undefined; issuer: Issuer | undefined; serial: Buffer }): Buffer[] {
  const { issuer, keyId } = parts;
  const ofIssuer = issuer === undefined ? keyId : Buffer.from(issuer.certificate.record.ski, 'hex');
  const aki = shape.aki === 'other' ? Buffer.alloc(20, 7) : ofIssuer;
  const serial = issuer === undefined ? parts.serial : Buffer.from(issuer.certificate.record.serial, 'hex');
  const issuerOfIssuer = nameDer(issuer?.shape ?? shape);
  const pinned = [der(0xa1, der(0xa4, issuerOfIssuer)), der(0x82, serial)];
  return [
    ...(keyId === undefined ? [] : [extension('2.5.29.14', false, octetString(keyId))]),
    ...(shape.aki === 'none' || aki === undefined || aki.length === 0 ? [] : [extension('2.5.29.35', false, sequence(der(0x80, aki), ...(shape.aki === 'pinned' ? pinned : [])))]),
  ];
}
