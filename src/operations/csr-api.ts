/** Certificates through the CSR API: signed by whatever key kube-controller-manager holds, which is also how the signer is asked who it is. */

import { failure, fail } from '../domain/errors.js';
import type { KubeObject } from '../ports/kube.js';
import type { Site } from '../ports/step-kind.js';
import { makeKeyPair } from '../x509/key-pair.js';
import { makeRequest } from '../x509/request.js';
import { type CaName, signerOf } from './trust-bundles.js';
import { limitsOf } from './waiting.js';

export interface CsrWish {
  readonly name: string;
  readonly csrPem: string;
  readonly signerName: 'kubernetes.io/kube-apiserver-client' | 'kubernetes.io/kube-apiserver-client-kubelet';
  readonly usages: readonly string[];
  /** At least 600 (k/k pkg/apis/certificates/validation). */
  readonly expirationSeconds: number;
}

/** Submits, approves, waits, deletes the object again. Returns PEM. Throws deadline-exceeded, api-*. */
export async function signThroughCsrApi(site: Site, wish: CsrWish): Promise<string> {
  const kube = site.access.kube();
  const ref = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', name: wish.name } as const;
  const call = limitsOf(site, 10_000);
  await kube.remove(ref, call);
  const object: KubeObject = {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: { name: wish.name },
    spec: {
      request: Buffer.from(wish.csrPem).toString('base64'),
      signerName: wish.signerName,
      usages: wish.usages,
      expirationSeconds: wish.expirationSeconds,
    },
  };
  await kube.create(object, call);
  try {
    await kube.approve(wish.name, 'rotate-ca', call);
    for (;;) {
      const status = (await kube.read(ref, call))?.status as { certificate?: string; conditions?: { type: string; message?: string }[] } | undefined;
      if (status?.certificate !== undefined) return Buffer.from(status.certificate, 'base64').toString('utf8');
      const refused = status?.conditions?.find((c) => c.type === 'Failed' || c.type === 'Denied');
      if (refused !== undefined || site.now() + 300 >= site.deadlineAtMs) {
        return fail('deadline-exceeded', {
          target: `CertificateSigningRequest ${wish.name}`,
          summary: 'it was approved but not signed',
          cause: refused?.message ?? 'kube-controller-manager may have no leader, or no signing key that fits its certificate',
          nextAction: 'Look at the logs of kube-controller-manager for "certificate_controller", then run "rotate-ca resume".',
        });
      }
      await site.wait(200);
    }
  } finally {
    await kube.remove(ref, { deadlineMs: 10_000 });
  }
}

/** Which CA signs requests now: asked with one for a throw-away identity. */
export async function askSigner(site: Site): Promise<CaName | 'other'> {
  const pair = await makeKeyPair('ecdsa-p256');
  const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { organizations: [], commonName: 'rotate-ca-probe' }, sans: [] });
  const pem = await signThroughCsrApi(site, {
    name: `rotate-ca-probe-${site.run.id}-${site.target}`.toLowerCase(),
    csrPem,
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['client auth'],
    expirationSeconds: 600,
  });
  return signerOf(site, pem);
}

/** The failure of a signer that is not yet, or no longer, the one that is wanted. */
export function signerFailure(site: Site, wanted: CaName, is: string): ReturnType<typeof failure> {
  return failure('trust-not-loaded', {
    target: site.target,
    summary: `a request was signed by another CA than the ${wanted} one`,
    cause: `the signer was: ${is}; kube-controller-manager re-reads its pair when the file changes (H)`,
    nextAction: 'Compare signing-ca.crt on all control planes, then run "rotate-ca resume".',
  });
}
