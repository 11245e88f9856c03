/** Which certificate requests are approved and what is signed, as kube-controller-manager decides (k/k pkg/controller/certificates). */

import type { CertificateRequest } from '../../x509/request.js';

export interface CsrSpec {
  /** PEM in base64. */
  readonly request: string;
  readonly signerName: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
  readonly username?: string;
  readonly groups?: readonly string[];
}

export interface CsrStatus {
  readonly certificate?: string;
  readonly conditions?: readonly { readonly type: string; readonly status?: string; readonly reason?: string; readonly message?: string }[];
}

export const signerNames = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
} as const;

/** Lifetime of what is signed, Unix ms. Throws if the CA has expired (authority/policies.go apply). */
export function validityOf(options: {
  readonly nowMs: number;
  readonly caNotAfterMs: number;
  readonly signingDurationMs: number;
  readonly expirationSeconds: number | undefined;
}): {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
} {
  const { nowMs, caNotAfterMs, signingDurationMs, expirationSeconds } = options;
  // A wish counts between ten minutes and what the flag allows (signer.go duration).
  const wishedMs = expirationSeconds === undefined ? signingDurationMs : Math.max(600_000, Math.min(expirationSeconds * 1000, signingDurationMs));
  const notAfterMs = Math.min(nowMs + wishedMs, caNotAfterMs);
  if (notAfterMs <= nowMs) throw new Error('refusing to sign a certificate that expired in the past');
  return { notBeforeMs: nowMs - 5 * 60_000, notAfterMs };
}

/** Why this signer will never sign it; undefined if it does (pkg/apis/certificates/helpers.go). The reason ends up in the condition Failed. */
export function whyNotSigned(spec: CsrSpec, request: CertificateRequest): string | undefined {
  const usages = new Set(spec.usages ?? []);
  switch (spec.signerName) {
    case signerNames.client:
      return isWithin(usages, ['client auth'], ['client auth', 'digital signature', 'key encipherment']) ? undefined : 'usages did not match';
    case signerNames.kubeletClient:
      return nodeSubjectFault(request) ?? (request.sans.length > 0 ? 'DNS SANs, email SANs, IP SANs and URI SANs are not allowed' : undefined) ?? usageFault(usages, 'client auth');
    case signerNames.kubeletServing: {
      const names = request.sans.filter((san) => san.startsWith('DNS:') || san.startsWith('IP:'));
      if (names.length === 0) return 'requested certificate must have at least one DNS or IP SAN';
      if (names.length !== request.sans.length) return 'email and URI SANs are not allowed';
      return nodeSubjectFault(request) ?? usageFault(usages, 'server auth');
    }
    default:
      return 'not a signer of kube-controller-manager';
  }
}

export function usagesToSign(spec: CsrSpec): ('serverAuth' | 'clientAuth')[] {
  const usages = spec.usages ?? [];
  return [...(usages.includes('server auth') ? (['serverAuth'] as const) : []), ...(usages.includes('client auth') ? (['clientAuth'] as const) : [])];
}

/** What an approved request of the kubelet gets as its message; undefined: it waits for a person (approver/sarapprove.go). */
export function autoApproval(spec: CsrSpec, request: CertificateRequest): string | undefined {
  if (spec.signerName !== signerNames.kubeletClient || whyNotSigned(spec, request) !== undefined) return undefined;
  // selfnodeclient: the node asks for its own name. Granted to system:nodes by kubeadm's ClusterRoleBinding.
  if (spec.username === request.commonName && (spec.groups ?? []).includes('system:nodes')) return 'Auto approving self kubelet client certificate after SubjectAccessReview.';
  // nodeclient: granted to the group of kubeadm's bootstrap tokens.
  const groups = spec.groups ?? [];
  if (groups.includes('system:bootstrappers:kubeadm:default-node-token') || groups.includes('system:bootstrappers'))
    return 'Auto approving kubelet client certificate after SubjectAccessReview.';
  return undefined;
}

export function isApproved(status: CsrStatus | undefined): boolean {
  const conditions = status?.conditions ?? [];
  return conditions.some((c) => c.type === 'Approved') && !conditions.some((c) => c.type === 'Denied' || c.type === 'Failed');
}

function nodeSubjectFault(request: CertificateRequest): string | undefined {
  if (request.organizations.length !== 1 || request.organizations[0] !== 'system:nodes') return 'subject organization is not system:nodes';
  return request.commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:';
}

/** Key encipherment may be there, as for RSA; the rest must be exactly this. */
function usageFault(usages: ReadonlySet<string>, extended: string): string | undefined {
  return isWithin(usages, ['digital signature', extended], ['digital signature', 'key encipherment', extended]) ? undefined : 'usages did not match';
}

function isWithin(usages: ReadonlySet<string>, required: readonly string[], allowed: readonly string[]): boolean {
  return required.every((usage) => usages.has(usage)) && [...usages].every((usage) => allowed.includes(usage));
}
