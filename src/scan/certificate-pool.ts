/** Every certificate that a scan finds, once. */

import type { CertificateRecord } from '../domain/cluster/inventory.js';
import { findCertificates } from '../domain/pki/certificate.js';
import { byText } from './objects/order.js';

export interface CertificatePool {
  /** Records of every certificate that can be found in a text; they are kept. */
  readonly recordsOf: (text: string) => CertificateRecord[];
  /** One PEM block each by the SHA-256 of the DER, in the order of these. */
  all(): Record<string, string>;
}

export function openPool(): CertificatePool {
  const kept = new Map<string, string>();
  return {
    recordsOf: (text) =>
      findCertificates(text).map(({ record, pem }) => {
        kept.set(record.fingerprint, pem);
        return record;
      }),
    all: () => Object.fromEntries([...kept].toSorted(byText(([fingerprint]) => fingerprint))),
  };
}
