/** The lifetimes of the article: the mount's maximum and the root's, and every leaf's. */
export const rootLifetime = '43800h';
export const leafLifetime = '17520h';

/** The organisation of a leaf is an attribute of its role: as many roles as there are organisations. */
export const roles = {
  'kubernetes-components': [],
  'kubernetes-masters': ['system:masters'],
  'kubernetes-nodes': ['system:nodes'],
  'kubernetes-node-proxier': ['system:node-proxier'],
} as const satisfies Record<string, readonly string[]>;

export type RoleName = keyof typeof roles;

/** Names of components are no host names: `system:node:…`, `kube-apiserver`. */
export function roleBody(role: RoleName, encryptionAlgorithm: string): Record<string, unknown> {
  return { ...keyOf(encryptionAlgorithm), allow_any_name: true, enforce_hostnames: false, organization: [...roles[role]], max_ttl: rootLifetime };
}

/** The article's own, word for word but for the domain. It issues names below its domains only, and no component has one. */
export const articleRole = {
  name: 'kubernetes',
  body: { allowed_domains: ['kubernetes', 'default', 'svc', 'cluster.local'], allow_subdomains: true, allow_bare_domains: true, max_ttl: rootLifetime },
} as const;

/** Vault's words for one of kubeadm's algorithms, which the lab's option names. */
export function keyOf(encryptionAlgorithm: string): { readonly key_type: string; readonly key_bits: number } {
  const [, bits] = /^RSA-(\d+)$/.exec(encryptionAlgorithm) ?? [];
  return bits === undefined ? { key_type: 'ec', key_bits: 256 } : { key_type: 'rsa', key_bits: Number(bits) };
}
