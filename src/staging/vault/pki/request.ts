/** A certificate request as sign and sign-verbatim read it. */

import { createPublicKey } from 'node:crypto';
import { type DerValue, childrenOf, oidOf, readDer } from '../../../domain/pki/der.js';
import { generalNames, namePartsOf } from '../../../domain/pki/names.js';
import { splitPem } from '../../../domain/pki/pem.js';
import type { NameAttribute, RawExtension } from '../../../x509/certificate.js';
import { readRequest } from '../../../x509/request.js';
import { refused } from '../answer.js';
import type { KeyKind } from './store.js';

export interface SigningRequest {
  /** In their order, each by itself, as Go flattens a name. */
  readonly subject: readonly NameAttribute[];
  readonly commonName: string;
  readonly serialNumber: string;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  readonly keyType: KeyKind;
  readonly keyBits: number;
  readonly sans: readonly string[];
  readonly extensions: readonly RawExtension[];
}

export const attributeOids = {
  CN: '2.5.4.3',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  street: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  postalCode: '2.5.4.17',
  DC: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',
} as const;

const extensionRequest = '1.2.840.113549.1.9.14';
const subjectAltName = '2.5.29.17';

/** Throws Refusal 400 with Vault's words. */
export async function readSigningRequest(csr: string): Promise<SigningRequest> {
  if (csr === '') throw refused('"csr" is empty');
  const [block] = splitPem(csr).blocks;
  if (block === undefined) throw refused('csr contains no data');
  const request = parse(block.bytes);
  await readRequest(csr).catch(() => {
    throw refused('request signature invalid');
  });
  return request;
}

function parse(bytes: Buffer): SigningRequest {
  try {
    const [, subject, key, ...rest] = childrenOf(child(readDer(bytes), 0));
    if (subject === undefined || key === undefined) throw new RangeError('asn1: structure error');
    const attributes = namePartsOf(subject).flat();
    const of = (type: string): string => attributes.find((attribute) => attribute.type === type)?.value ?? '';
    const extensions = extensionsOf(rest.find((value) => value.tag === 0xa0));
    const san = extensions.find(({ oid }) => oid === subjectAltName);
    const publicKey = Buffer.from(key.raw);
    return {
      subject: attributes.map(({ type, value }) => ({ type: (attributeOids as Readonly<Record<string, string>>)[type] ?? type, value })),
      commonName: of('CN'),
      serialNumber: of('serialNumber'),
      publicKey,
      ...keyOf(publicKey),
      sans: san === undefined ? [] : generalNames(readDer(Buffer.from(san.value))),
      extensions,
    };
  } catch (error) {
    throw refused(`certificate request could not be parsed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function keyOf(publicKey: Buffer): { readonly keyType: KeyKind; readonly keyBits: number } {
  const key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return { keyType: 'rsa', keyBits: modulusLength };
  if (key.asymmetricKeyType === 'ec') return { keyType: 'ec', keyBits: curveBits[namedCurve ?? ''] ?? 0 };
  if (key.asymmetricKeyType === 'ed25519') return { keyType: 'ed25519', keyBits: 0 };
  throw new RangeError(`x509: unknown public key algorithm ${key.asymmetricKeyType ?? ''}`);
}

const curveBits: Readonly<Record<string, number>> = { secp224r1: 224, prime256v1: 256, secp384r1: 384, secp521r1: 521 };

function extensionsOf(attributes: DerValue | undefined): RawExtension[] {
  const request = attributes === undefined ? undefined : childrenOf(attributes).find((attribute) => oidOf(child(attribute, 0)) === extensionRequest);
  if (request === undefined) return [];
  return childrenOf(child(child(request, 1), 0)).map((extension) => {
    const [id, second, third] = childrenOf(extension);
    const value = third ?? second;
    if (id === undefined || value === undefined) throw new RangeError('asn1: structure error');
    return { oid: oidOf(id), critical: third !== undefined && second?.content[0] === 0xff, value: value.content };
  });
}

function child(value: DerValue, index: number): DerValue {
  const found = childrenOf(value)[index];
  if (found === undefined) throw new RangeError('asn1: structure error');
  return found;
}
