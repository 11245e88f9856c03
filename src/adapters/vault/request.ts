/** What a certificate request (PKCS#10) asks for. */

import { createHash } from 'node:crypto';
import { type DerValue, childrenOf, oidOf, readDer } from '../../domain/pki/der.js';
import { generalNames, namePartsOf } from '../../domain/pki/names.js';
import { splitPem } from '../../domain/pki/pem.js';
import { fail } from '../../domain/errors.js';

export interface RequestContent {
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly spki: string;
  /** `O=system:nodes`, ... sorted: Vault writes the attributes of a name in an order of its own. */
  readonly subject: readonly string[];
  /** As in CertificateRecord, sorted. */
  readonly sans: readonly string[];
  readonly isRsa: boolean;
}

const extensionRequest = '1.2.840.113549.1.9.14';
const rsaEncryption = '1.2.840.113549.1.1.1';
const subjectAltName = '2.5.29.17';

/** Throws RotationError pem-invalid. */
export function readRequest(csrPem: string): RequestContent {
  try {
    const block = splitPem(csrPem).blocks.find((b) => b.label === 'CERTIFICATE REQUEST' || b.label === 'NEW CERTIFICATE REQUEST');
    if (block === undefined) throw new RangeError('there is no such block');
    const [, subject, key, ...rest] = childrenOf(child(readDer(block.bytes), 0));
    if (subject === undefined || key === undefined) throw new RangeError('its fields are missing');
    const attributes = rest.find((r) => r.tag === 0xa0);
    return {
      spki: createHash('sha256').update(key.raw).digest('hex'),
      subject: attributesOf(subject),
      sans: attributes === undefined ? [] : sansOf(attributes),
      isRsa: oidOf(child(child(key, 0), 0)) === rsaEncryption,
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return fail('pem-invalid', {
      target: 'certificate request',
      summary: 'A certificate request cannot be read',
      cause: error.message,
      nextAction: 'Run "rotate-ca resume": it is made anew',
    });
  }
}

/** The attributes of a name without regard to their order. */
export function attributesOf(name: DerValue): string[] {
  return namePartsOf(name)
    .flat()
    .map(({ type, value }) => `${type}=${value}`)
    .sort();
}

function sansOf(attributes: DerValue): string[] {
  const request = childrenOf(attributes).find((a) => oidOf(child(a, 0)) === extensionRequest);
  if (request === undefined) return [];
  const extensions = childrenOf(child(child(request, 1), 0));
  const san = extensions.find((e) => oidOf(child(e, 0)) === subjectAltName);
  const value = san === undefined ? undefined : childrenOf(san).at(-1);
  return value === undefined ? [] : generalNames(readDer(value.content)).sort();
}

function child(value: DerValue, index: number): DerValue {
  const found = childrenOf(value)[index];
  if (found === undefined) throw new RangeError('a value is missing');
  return found;
}
