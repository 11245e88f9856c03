/** Can a role of Vault's PKI engine issue a leaf? Asked before anything is issued, of what Vault says the role is. */

import type { KeyType } from '../cluster/inventory.js';
import { allowsCommonName, allowsName, globMatches, listOf, type Role } from './role-names.js';

/** A leaf as it is to be, whoever issues it. */
export interface LeafWish {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** `DNS:name`, `IP:address`, as in inventories. */
  readonly sans: readonly string[];
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
  readonly keyType: KeyType;
  readonly ttlMs: number;
}

const usageFlags = { serverAuth: 'server_flag', clientAuth: 'client_flag' } as const;

/**
 * Everything that stands against it; empty if the role issues the leaf. The rules are those of builtin/logical/pki/issuing/issue_common.go
 * (GenerateCreationBundle, ValidateNames) and path_issue_sign.go. A domain of a templated role is not resolved: it matches nothing here.
 */
export function unfitRole(role: Role, wish: LeafWish): string[] {
  return [...unfitNames(role, wish), ...unfitSubject(role, wish), ...unfitUsages(role, wish), ...unfitKey(role, wish.keyType), ...unfitLife(role, wish.ttlMs)];
}

function unfitNames(role: Role, { commonName, sans }: LeafWish): string[] {
  const ofKind = (prefix: string): string[] => sans.filter((san) => san.startsWith(prefix)).map((san) => san.slice(prefix.length));
  const names = [...ofKind('DNS:'), ...ofKind('email:')].filter((name) => !allowsName(role, name));
  const uris = ofKind('URI:').filter((uri) => !listOf(role, 'allowed_uri_sans').some((pattern) => globMatches(pattern, uri)));
  const refused = [...names, ...uris];
  return [
    ...(allowsCommonName(role, commonName) ? [] : [`does not allow the common name ${commonName}`]),
    ...(refused.length === 0 ? [] : [`does not allow the alternative name${refused.length === 1 ? '' : 's'} ${refused.join(', ')}`]),
    ...(role.allow_ip_sans === true || ofKind('IP:').length === 0 ? [] : ['does not allow addresses as alternative names']),
  ];
}

/** The organisation of a leaf is an attribute of the role: that of the request does not count. */
function unfitSubject(role: Role, { organizations }: LeafWish): string[] {
  const given = [...listOf(role, 'organization')].sort();
  const wanted = [...organizations].sort();
  if (given.join('\n') === wanted.join('\n')) return [];
  const named = (list: readonly string[]): string => (list.length === 0 ? 'no organisation' : `the organisation ${list.join(', ')}`);
  return [`gives its leaves ${named(given)} instead of ${named(wanted)}`];
}

function unfitUsages(role: Role, { usages }: LeafWish): string[] {
  const listed = listOf(role, 'ext_key_usage').map((usage) => usage.toLowerCase());
  const missing = usages.filter((usage) => role[usageFlags[usage]] !== true && !listed.includes(usage.toLowerCase()));
  return missing.length === 0 ? [] : [`gives its leaves no ${missing.join(', ')}`];
}

function unfitKey(role: Role, keyType: KeyType): string[] {
  const wanted = String(role.key_type);
  if (wanted === 'any') return [];
  const [kind, bits] = keyOf(keyType);
  if (kind !== wanted) return [`takes ${wanted} keys only, not ${keyType}`];
  return bits < Number(role.key_bits) ? [`takes keys of at least ${Number(role.key_bits)} bits, not ${keyType}`] : [];
}

function keyOf(keyType: KeyType): readonly [kind: string, bits: number] {
  const [, family = keyType, size = '0'] = /^(rsa|ecdsa)-p?(\d+)$/.exec(keyType) ?? [];
  return [family === 'ecdsa' ? 'ec' : family, Number(size)];
}

/** Vault cuts a longer life without a word. */
function unfitLife(role: Role, ttlMs: number): string[] {
  const maxMs = Number(role.max_ttl) * 1_000;
  const fixed = typeof role.not_after === 'string' && role.not_after !== '' ? [`fixes the end of its leaves at ${role.not_after}`] : [];
  return maxMs > 0 && maxMs < ttlMs ? [...fixed, `cuts the life of a leaf to ${maxMs / 3_600_000} h`] : fixed;
}

export interface NamedRole {
  readonly name: string;
  readonly role: Role;
}

/** The first of the roles that issues the leaf. */
export function fittingRole(roles: readonly NamedRole[], wish: LeafWish): NamedRole | undefined {
  return roles.find(({ role }) => unfitRole(role, wish).length === 0);
}
