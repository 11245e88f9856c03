import type { KubeObject } from '../workloads/kube-objects.js';

/** A service account and its token as they were made before 1.24: in a Secret, without an end. */
export function legacyAccount(namespace: string, name: string): { readonly account: KubeObject; readonly secret: KubeObject } {
  const secret: KubeObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tokenSecretOf(name), namespace, annotations: { 'kubernetes.io/service-account.name': name } },
    type: 'kubernetes.io/service-account-token',
  };
  return { account: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }, secret };
}

export function tokenSecretOf(account: string): string {
  return `${account}-token`;
}

/** Puts the Secret where the projected token would be, so that a program lives on it without knowing. */
export function onSecret(secretName: string): { readonly pod: Record<string, unknown>; readonly mount: Record<string, unknown>; readonly volume: Record<string, unknown> } {
  return {
    pod: { automountServiceAccountToken: false },
    mount: { name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
    volume: { name: 'token', secret: { secretName } },
  };
}

/** A cluster-wide role of its own for one account. */
export function clusterGrant(namespace: string, account: string, rules: readonly Record<string, unknown>[]): KubeObject[] {
  const rbac = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: account }, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: account },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: account },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  ];
}
