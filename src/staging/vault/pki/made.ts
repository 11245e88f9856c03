/** Certificates that were made: kept by serial, told as PEM or DER. */

import { splitPem } from '../../../domain/pki/pem.js';
import { refused } from '../answer.js';
import type { Fields } from '../fields.js';
import type { PkiStore, StoredCertificate } from './store.js';

export type Format = 'pem' | 'der' | 'pem_bundle';

/** Throws Refusal 400. */
export function formatOf(fields: Fields): Format {
  const format = fields.text('format') || 'pem';
  if (format === 'pem' || format === 'der' || format === 'pem_bundle') return format;
  throw refused('the "format" path parameter must be "pem", "der", or "pem_bundle"');
}

/** PEM without the last newline, or base64 of the DER. */
export function certificateInAnswer(pem: string, format: Format): string {
  return format === 'der' ? (splitPem(pem).blocks[0]?.bytes.toString('base64') ?? '') : pem.trimEnd();
}

export function keepCertificate(store: PkiStore, certificate: StoredCertificate): void {
  store.certificates[certificate.serial] = certificate;
}
