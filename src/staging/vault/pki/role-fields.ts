/** The fields of a role with their kinds and defaults (builtin/logical/pki/path_roles.go). */

import type { FieldKind, Fields } from '../fields.js';
import type { Role } from '../../../domain/issuing/role-names.js';

type Default = string | number | boolean | readonly string[];

const none: readonly string[] = [];
const fields: Readonly<Record<string, readonly [kind: FieldKind, value: Default]>> = {
  allow_any_name: ['bool', false],
  allow_bare_domains: ['bool', false],
  allow_glob_domains: ['bool', false],
  allow_ip_sans: ['bool', true],
  allow_localhost: ['bool', true],
  allow_subdomains: ['bool', false],
  allow_wildcard_certificates: ['bool', true],
  allowed_domains: ['list', none],
  allowed_domains_template: ['bool', false],
  allowed_other_sans: ['list', none],
  allowed_serial_numbers: ['list', none],
  allowed_uri_sans: ['list', none],
  allowed_uri_sans_template: ['bool', false],
  allowed_user_ids: ['list', none],
  basic_constraints_valid_for_non_ca: ['bool', false],
  client_flag: ['bool', true],
  cn_validations: ['list', ['email', 'hostname']],
  code_signing_flag: ['bool', false],
  country: ['list', none],
  email_protection_flag: ['bool', false],
  enforce_hostnames: ['bool', true],
  ext_key_usage: ['list', none],
  ext_key_usage_oids: ['list', none],
  generate_lease: ['bool', false],
  issuer_ref: ['string', 'default'],
  key_bits: ['int', 0],
  key_type: ['string', 'rsa'],
  key_usage: ['list', ['DigitalSignature', 'KeyAgreement', 'KeyEncipherment']],
  locality: ['list', none],
  max_ttl: ['duration', 0],
  no_store: ['bool', false],
  not_after: ['string', ''],
  not_before_duration: ['duration', 30],
  organization: ['list', none],
  ou: ['list', none],
  policy_identifiers: ['list', none],
  postal_code: ['list', none],
  province: ['list', none],
  require_cn: ['bool', true],
  serial_number_source: ['string', 'json-csr'],
  server_flag: ['bool', true],
  signature_bits: ['int', 0],
  street_address: ['list', none],
  ttl: ['duration', 0],
  use_csr_common_name: ['bool', true],
  use_csr_sans: ['bool', true],
  use_pss: ['bool', false],
};

export const roleSchema: Readonly<Record<string, FieldKind>> = {
  ...Object.fromEntries(Object.entries(fields).map(([name, [kind]]) => [name, kind])),
  name: 'string',
  backend: 'string',
};

/** Each field as given, or its default. */
export function roleFrom(given: Fields): Role {
  const value = (name: string, kind: FieldKind, fallback: Default): Default => {
    if (!given.has(name)) return fallback;
    if (kind === 'bool') return given.flag(name);
    if (kind === 'int') return given.number(name);
    if (kind === 'duration') return given.seconds(name);
    return kind === 'list' ? given.list(name) : given.text(name);
  };
  return { allow_token_displayname: false, ...Object.fromEntries(Object.entries(fields).map(([name, [kind, fallback]]) => [name, value(name, kind, fallback)])) };
}
