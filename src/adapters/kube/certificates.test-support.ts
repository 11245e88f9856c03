/** Certificates for the tests of this folder. */

import type { Secret } from '../../domain/secret.js';
import { type Ca, makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';

const hourMs = 3_600_000;

export interface Days {
  /** Hours from now; default one hour ago to a day ahead. */
  readonly fromHours?: number;
  readonly toHours?: number;
}

export function validity(days: Days = {}): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: Date.now() + (days.fromHours ?? -1) * hourMs, notAfterMs: Date.now() + (days.toHours ?? 24) * hourMs };
}

export function ca(commonName: string, days?: Days, signedBy?: Ca): Promise<Ca> {
  return makeCa({ subject: { commonName }, ...validity(days), ...(signedBy === undefined ? {} : { signedBy }) });
}

/** A certificate for loopback (server) or for `commonName` of system:masters (client). */
export async function leaf(issuer: Ca, commonName: string, usage: 'serverAuth' | 'clientAuth', days?: Days): Promise<{ certificatePem: string; key: Secret }> {
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  const csrPem = await makeRequest({
    privateKeyPem,
    subject: { commonName, ...(usage === 'clientAuth' ? { organizations: ['system:masters'] } : {}) },
    sans: usage === 'serverAuth' ? ['IP:127.0.0.1', 'DNS:localhost'] : [],
  });
  return { certificatePem: await signLeaf({ ca: issuer, csrPem, usages: [usage], ...validity(days) }), key: privateKeyPem };
}
