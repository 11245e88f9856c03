import type { LoadPolicy } from './graph.js';
export interface LoadRule {
  readonly policy: LoadPolicy;
  readonly source: string;
  readonly proved: boolean;
}
/** Temporary; replaced by the table. */
export function loadPolicy(component: string, input: string, _version: string): LoadRule {
  const once = [
    'kubelet-certificate-authority',
    'etcd-cafile',
    'service-account-key-file',
    'service-account-signing-key-file',
    'oidc-ca-file',
    'root-ca-file',
    'service-account-private-key-file',
    'kubeconfig',
    'trusted-ca-file',
    'peer-trusted-ca-file',
  ];
  const policy: LoadPolicy = once.includes(input)
    ? 'once'
    : input === 'kubelet-client-certificate'
      ? 'polled'
      : ['cert-file', 'peer-cert-file', 'etcd-certfile'].includes(input)
        ? 'per-handshake'
        : component === 'pod'
          ? 'once'
          : 'hot';
  return { policy, source: '', proved: false };
}
