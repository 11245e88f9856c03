/** Certificates for the tests of this folder. */

import type { Secret } from '../../domain/secret.js';
import { type Ca, makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';

const hourMs = 3_600_000;

export interface Variation {
  /** Hours from now; default one hour ago to a day ahead. */
  readonly fromHours?: number;
  readonly toHours?: number;
  readonly sans?: readonly string[];
}

export function validity(variation: Variation = {}): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: Date.now() + (variation.fromHours ?? -1) * hourMs, notAfterMs: Date.now() + (variation.toHours ?? 24) * hourMs };
}

export function ca(commonName: string, variation?: Variation, signedBy?: Ca): Promise<Ca> {
  return makeCa({ subject: { commonName }, ...validity(variation), ...(signedBy === undefined ? {} : { signedBy }) });
}

/** A certificate for loopback (server) or for `commonName` of system:masters (client). */
export async function leaf(issuer: Ca, commonName: string, usage: 'serverAuth' | 'clientAuth', variation?: Variation): Promise<{ certificatePem: string; key: Secret }> {
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  const csrPem = await makeRequest({
    privateKeyPem,
    subject: { commonName, ...(usage === 'clientAuth' ? { organizations: ['system:masters'] } : {}) },
    sans: variation?.sans ?? (usage === 'serverAuth' ? ['IP:127.0.0.1', 'DNS:localhost'] : []),
  });
  return { certificatePem: await signLeaf({ ca: issuer, csrPem, usages: [usage], ...validity(variation) }), key: privateKeyPem };
}
