/** Certificates that a kubelet asks for through the CSR API, and when it asks (client-go util/certificate/certificate_manager.go). */

import { X509Certificate } from 'node:crypto';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import type { StagingClock } from '../clock.js';
import type { CsrStatus } from '../controllers/csr-rules.js';
import { ApiRefusal, type KubeCalls } from '../controllers/kube-calls.js';
import { randomSuffix } from '../controllers/pod-making.js';
import type { Pair } from './client-store.js';

export interface CertificateWish {
  readonly nodeName: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  /** `IP:...`, `DNS:...`; none for client certificates. */
  readonly sans: readonly string[];
}

const patienceMs = 15 * 60_000;

/** Waits for approval and signature. Throws when it is denied, fails, or takes longer than 15 minutes of a real cluster. */
export async function requestCertificate(kube: KubeCalls, clock: StagingClock, wish: CertificateWish, signal: AbortSignal): Promise<Pair> {
  const pair = await makeKeyPair('ecdsa-p256');
  const subject = { organizations: ['system:nodes'], commonName: `system:node:${wish.nodeName}` };
  const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject, sans: wish.sans });
  const name = `csr-${randomSuffix()}`;
  await kube.create(
    'CertificateSigningRequest',
    {},
    { metadata: { name }, spec: { request: Buffer.from(csrPem).toString('base64'), signerName: wish.signerName, usages: wish.usages } },
  );
  const untilMs = clock.now() + patienceMs / clock.speed;
  while (!signal.aborted && clock.now() < untilMs) {
    const status = (await kube.get('CertificateSigningRequest', { name }))?.status as CsrStatus | undefined;
    const refused = status?.conditions?.find((condition) => condition.type === 'Denied' || condition.type === 'Failed');
    if (refused !== undefined) throw new Error(`certificate request ${name} was not signed: ${refused.reason ?? refused.type}: ${refused.message ?? ''}`);
    if (status?.certificate !== undefined) {
      return { certificatePem: Buffer.from(status.certificate, 'base64').toString('utf8'), keyPem: pair.privateKeyPem.reveal().toString('utf8') };
    }
    await clock.wait(1000, signal);
  }
  throw new Error(`timed out waiting for the condition: certificate request ${name}`);
}

/** When a certificate is replaced: at 70 to 90 % of its life, drawn by `chance` from 0 to 1 (nextRotationDeadline). Unix ms. */
export function rotationAt(certificatePem: string, chance: number): number {
  const certificate = new X509Certificate(certificatePem);
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return from + (to - from) * (0.7 + 0.2 * chance);
}

/** Did a server answer, if only to refuse? (certificate_manager.go ServerHealth) */
export function isAnswer(error: unknown): boolean {
  return error instanceof ApiRefusal;
}
