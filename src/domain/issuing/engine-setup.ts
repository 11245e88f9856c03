/** What a mount of Vault's PKI engine must have for a CA whose key stays in it. Pure. */

import { listOf, type Role } from './role-names.js';

export interface RoleSetup {
  readonly name: string;
  readonly organizations: readonly string[];
}

export interface EngineSetup {
  /** Longest life of anything that the mount issues. */
  readonly maxTtlMs: number;
  readonly roles: readonly RoleSetup[];
  /** Name of the policy for whoever runs rotate-ca; undefined: none is looked at. */
  readonly policy?: string;
}

export interface SetupItem {
  readonly name: 'mount' | 'policy' | `role ${string}`;
  /** `unseen`: the credential may not look. */
  readonly state: 'absent' | 'as wanted' | 'different' | 'unseen';
  /** What differs, and what would put it right; empty otherwise. */
  readonly difference: string;
  readonly remedy: string;
}

/** Names of components are no host names (`system:node:w1`, `kube-apiserver`); their organisation is an attribute of the role. */
export function roleBody({ organizations }: RoleSetup, maxTtlMs: number): Record<string, unknown> {
  return { key_type: 'any', allow_any_name: true, enforce_hostnames: false, allow_ip_sans: true, organization: [...organizations], max_ttl: seconds(maxTtlMs) };
}

/** What a role has otherwise than it must; empty if it may stay as it is. That it issues each leaf is asked of it leaf by leaf, later. */
export function roleDifference(role: Role, { organizations }: RoleSetup): string {
  const given = [...listOf(role, 'organization')].sort().join(', ');
  const wanted = [...organizations].sort().join(', ');
  return given === wanted ? '' : `its organization is "${given}", wanted is "${wanted}"`;
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)}s`;
}

/** All that rotate-ca asks of a mount whose keys stay in it, as a policy. */
export function policyText(mount: string): string {
  const grants: readonly (readonly [path: string, capabilities: readonly string[]])[] = [
    [`${mount}/issuers/generate/root/internal`, ['create', 'update']],
    [`${mount}/issuers`, ['list']],
    [`${mount}/issuers/*`, ['read', 'list']],
    [`${mount}/issuer/*`, ['read', 'update', 'delete']],
    [`${mount}/roles`, ['list']],
    [`${mount}/roles/*`, ['read']],
    [`${mount}/keys`, ['list']],
    [`${mount}/key/*`, ['read', 'update', 'delete']],
    ['auth/token/lookup-self', ['read']],
    ['auth/token/renew-self', ['update']],
    ['auth/token/revoke-self', ['update']],
    ['sys/capabilities-self', ['update']],
  ];
  return grants.map(([path, capabilities]) => `path "${path}" {\n  capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}]\n}\n`).join('');
}

/** Policies are compared by what they grant: comments and layout do not count. */
export function samePolicy(a: string, b: string): boolean {
  const plain = (text: string): string =>
    (
      text
        .replaceAll(/#[^\n]*/g, '')
        .replaceAll(/\s+/g, ' ')
        .match(/path "[^"]+" \{[^}]*\}/g) ?? []
    )
      .toSorted()
      .join('\n');
  return plain(a) === plain(b);
}
