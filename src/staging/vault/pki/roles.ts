/** Roles of the engine: written, read, listed, deleted. */

import { type Outcome, failed, refused } from '../answer.js';
import { ignoredWarning, readFields } from '../fields.js';
import { checkKey } from './key-material.js';
import { listOf, type Role } from '../../../domain/issuing/role-names.js';
import { roleFrom, roleSchema } from './role-fields.js';
import type { PkiStore } from './store.js';

const leaseWarning =
  "it is encouraged to disable generate_lease and rely on PKI's native capabilities when possible; this option can cause Vault-wide issues with large numbers of issued certificates";
const exclusiveWarning = 'mutually exclusive values no_store=true and generate_lease=true were both specified; no_store=true takes priority';

export function listRoles(store: PkiStore): Outcome {
  return { data: { keys: Object.keys(store.roles).sort() } };
}

export function readRole(store: PkiStore, name: string): Outcome | undefined {
  const role = store.roles[name];
  return role === undefined ? undefined : { data: role };
}

/** Throws Refusal 400 `unknown role: NAME`. */
export function roleNamed(store: PkiStore, name: string): Role {
  const role = store.roles[name];
  if (role === undefined) throw refused(`unknown role: ${name}`);
  return role;
}

export function writeRole(store: PkiStore, name: string, data: Readonly<Record<string, unknown>>): Outcome {
  const fields = readFields(data, roleSchema);
  const asked = roleFrom(fields);
  const [ttl, maxTtl] = [Number(asked.ttl), Number(asked.max_ttl)];
  if (maxTtl > 0 && ttl > maxTtl) throw refused('"ttl" value must be less than "max_ttl" value');
  const bits = checkKey(String(asked.key_type), Number(asked.key_bits));
  const hash = Number(asked.signature_bits) || (asked.key_type === 'rsa' ? 256 : 0);
  if (asked.key_type === 'rsa' && ![256, 384, 512].includes(hash)) throw refused(`unsupported hash signature algorithm: ${hash}`);
  if (!['', 'json-csr', 'json'].includes(String(asked.serial_number_source))) throw refused(`unknown serial_number_source ${String(asked.serial_number_source)}`);
  const issuer = String(asked.issuer_ref) || 'default';
  const lease = asked.generate_lease === true;
  const role: Role = { ...asked, key_bits: bits, signature_bits: hash, issuer_ref: issuer, cn_validations: validations(asked), generate_lease: lease && asked.no_store !== true };
  store.roles[name] = role;
  const warnings = [
    ...(store.findIssuer(issuer) !== undefined
      ? []
      : [
          issuer === 'default'
            ? 'Issuing Certificate was set to default, but no default issuing certificate (configurable at /config/issuers) is currently set'
            : `Issuing Certificate was set to ${issuer} but no issuing certificate currently has that name`,
        ]),
    ...(lease ? [asked.no_store === true ? exclusiveWarning : leaseWarning] : []),
    ...ignoredWarning(fields),
  ];
  return { data: role, warnings };
}

function validations(role: Role): readonly string[] {
  const given = listOf(role, 'cn_validations');
  const unknown = given.find((one) => !['email', 'hostname', 'disabled'].includes(one.toLowerCase()));
  if (unknown !== undefined) throw failed(500, `cn_validations value incorrect: unknown type: \`${unknown}\``);
  if (given.length > 1 && given.includes('disabled')) throw failed(500, 'cn_validations value incorrect: cannot specify `disabled` along with `email` or `hostname`');
  return given.length === 0 ? ['email', 'hostname'] : given.map((one) => one.toLowerCase());
}
