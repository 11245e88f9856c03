/** What staging's Vault is for a hard-way cluster: the mount with the cluster's root in it, whose key nobody can read, roles and policy (lab/hard-way/roles.ts, policy.hcl). */

import type { KeyType } from '../../domain/cluster/inventory.js';
import { policyText } from '../operator-policy.js';
import type { SetUp } from '../vault/set-up.js';

export const hardWayMount = 'pki_k8s';
/** The mount's maximum and the root's, and every leaf's. */
const rootLifetime = '43800h';
const leafLifetime = '17520h';

/** The organisation of a leaf is an attribute of its role: as many roles as there are organisations. */
const roles = {
  'kubernetes-components': [],
  'kubernetes-masters': ['system:masters'],
  'kubernetes-nodes': ['system:nodes'],
  'kubernetes-node-proxier': ['system:node-proxier'],
} as const satisfies Record<string, readonly string[]>;

export type RoleName = keyof typeof roles;

export function hardWayVault(keyType: KeyType): Omit<SetUp, 'appRole'> {
  const bodies = Object.entries(roles).map(([name, organization]) => [
    name,
    { ...keyOf(keyType), allow_any_name: true, enforce_hostnames: false, organization: [...organization], max_ttl: rootLifetime },
  ]);
  // Of the article that the layout is of: it issues names below its domains only, and no component has one.
  const article = { allowed_domains: ['kubernetes', 'default', 'svc', 'cluster.local'], allow_subdomains: true, allow_bare_domains: true, max_ttl: rootLifetime };
  return {
    mount: hardWayMount,
    maxLease: rootLifetime,
    policy: policyText({
      [`${hardWayMount}/issuers/generate/root/internal`]: ['create', 'update'],
      [`${hardWayMount}/root/generate/internal`]: ['create', 'update'],
      [`${hardWayMount}/issuers`]: ['list'],
      [`${hardWayMount}/issuers/*`]: ['read', 'list'],
      [`${hardWayMount}/issuer/*`]: ['read', 'update', 'delete'],
      [`${hardWayMount}/roles`]: ['list'],
      [`${hardWayMount}/roles/*`]: ['read'],
      [`${hardWayMount}/keys`]: ['list'],
      [`${hardWayMount}/key/*`]: ['read', 'update', 'delete'],
    }),
    signRole: '',
    roles: { ...Object.fromEntries(bodies), kubernetes: article },
  };
}

/** Writes to Vault as its root token; the data of the answer. */
export type WriteVault = (path: string, data: Readonly<Record<string, unknown>>) => Promise<Record<string, unknown>>;

/** PEM of the root. */
export async function makeRoot(write: WriteVault, keyType: KeyType): Promise<string> {
  const { certificate } = await write(`${hardWayMount}/root/generate/internal`, { common_name: 'kubernetes-ca', ttl: rootLifetime, ...keyOf(keyType) });
  return `${String(certificate)}\n`;
}

export interface Issued {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

export async function issue(
  write: WriteVault,
  leaf: { readonly role: RoleName; readonly commonName: string; readonly dnsNames?: readonly string[]; readonly addresses?: readonly string[] },
): Promise<Issued> {
  const data = await write(`${hardWayMount}/issue/${leaf.role}`, {
    common_name: leaf.commonName,
    alt_names: (leaf.dnsNames ?? []).join(','),
    ip_sans: (leaf.addresses ?? []).join(','),
    exclude_cn_from_sans: true,
    ttl: leafLifetime,
  });
  return { certificate: `${String(data.certificate)}\n`, key: `${String(data.private_key)}\n`, authority: `${String(data.issuing_ca)}\n` };
}

function keyOf(keyType: KeyType): { readonly key_type: string; readonly key_bits: number } {
  const [kind = '', size = ''] = keyType.split('-');
  return kind === 'rsa' ? { key_type: 'rsa', key_bits: Number(size) } : { key_type: 'ec', key_bits: Number(size.replace('p', '')) };
}
