/** Makes and reads certificate requests (PKCS#10). */

import { createHash, createPublicKey } from 'node:crypto';
import { readDer } from '../domain/pki/der.js';
import { generalNames, nameText } from '../domain/pki/names.js';
import type { KeyType } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import type { Secret } from '../domain/secret.js';
import { cryptoKeysOf, keyTypeOfKey, x509 } from './crypto.js';
import { alternativeNames, nameOf, type Subject } from './subject.js';

export interface RequestParts {
  readonly privateKeyPem: Secret;
  readonly subject: Subject;
  /** `DNS:name`, `IP:address` as in inventories. None: the request has no such extension (kubelet client certificates must have none). */
  readonly sans?: readonly string[];
}

/** A request signed with the key, PEM, newline-terminated. Throws ca-rejected if the key cannot be used. */
export async function makeRequest(parts: RequestParts): Promise<string> {
  const { keys, signing } = await cryptoKeysOf(parts.privateKeyPem);
  const sans = parts.sans ?? [];
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: nameOf(parts.subject),
    keys: keys as unknown as Parameters<typeof x509.Pkcs10CertificateRequestGenerator.create>[0]['keys'],
    signingAlgorithm: signing as x509.Pkcs10CertificateRequestCreateParams['signingAlgorithm'] & object,
    extensions: sans.length > 0 ? [alternativeNames(sans)] : [],
  });
  return `${request.toString('pem')}\n`;
}

export interface CertificateRequest {
  /** In one line, in the order of the request. */
  readonly subject: string;
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** `DNS:name`, `IP:address`. */
  readonly sans: readonly string[];
  readonly keyType: KeyType;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly spki: string;
}

/** Reads a request and checks its own signature. Throws pem-invalid. */
export async function readRequest(csrPem: string): Promise<CertificateRequest> {
  const request = parse(csrPem);
  if (!(await request.verify().catch(() => false))) invalid('its signature does not match its key');
  const spki = Buffer.from(request.publicKey.rawData);
  const san = request.getExtension('2.5.29.17');
  return {
    subject: nameText(readDer(Buffer.from(request.subjectName.toArrayBuffer()))),
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    sans: san === null ? [] : generalNames(readDer(Buffer.from(san.value))),
    keyType: keyTypeOfKey(createPublicKey({ key: spki, format: 'der', type: 'spki' })),
    spki: createHash('sha256').update(spki).digest('hex'),
  };
}

function parse(csrPem: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(csrPem);
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error));
  }
}

function invalid(cause: string): never {
  fail('pem-invalid', { target: 'certificate request', summary: 'a certificate request cannot be read', cause, nextAction: 'Make the request again' });
}
