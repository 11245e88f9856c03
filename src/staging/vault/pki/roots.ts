/** New self-signed roots (builtin/logical/pki/path_root.go pathCAGenerateRoot). */

import { randomBytes } from 'node:crypto';
import { Secret } from '../../../domain/secret.js';
import { makeCertificate } from '../../../x509/certificate.js';
import { type Outcome, refused } from '../answer.js';
import { type FieldKind, type Fields, ignoredWarning, readFields } from '../fields.js';
import { type Limits, endFor, namesFor } from './creation.js';
import { certificateInAnswer, formatOf, keepCertificate } from './made.js';
import { checkKey, colons, keyInAnswer, makeKey } from './key-material.js';
import type { Role } from '../../../domain/issuing/role-names.js';
import type { KeyEntry, KeyKind, PkiStore } from './store.js';
import { keyUsagesOf } from './usages.js';

const text: readonly string[] = [
  'common_name',
  'alt_names',
  'serial_number',
  'not_after',
  'format',
  'private_key_format',
  'key_type',
  'issuer_name',
  'key_name',
  'key_ref',
  'exported',
  'managed_key_name',
  'managed_key_id',
];
const lists: readonly string[] = [
  ...['ip_sans', 'uri_sans', 'other_sans', 'ou', 'organization', 'country', 'locality', 'province', 'street_address', 'postal_code', 'key_usage'],
  ...[
    'permitted_dns_domains',
    'excluded_dns_domains',
    'permitted_ip_ranges',
    'excluded_ip_ranges',
    'permitted_email_addresses',
    'excluded_email_addresses',
    'permitted_uri_domains',
    'excluded_uri_domains',
  ],
];
const schema: Readonly<Record<string, FieldKind>> = {
  ...Object.fromEntries(text.map((name) => [name, 'string' as const])),
  ...Object.fromEntries(lists.map((name) => [name, 'list' as const])),
  ttl: 'duration',
  not_before_duration: 'duration',
  key_bits: 'int',
  signature_bits: 'int',
  max_path_length: 'int',
  use_pss: 'bool',
  exclude_cn_from_sans: 'bool',
};

const noUrls =
  "This mount hasn't configured any authority information access (AIA) fields; this may make it harder for systems to find missing certificates in the chain or to validate revocation status of certificates. Consider updating /config/urls or the newly generated issuer with this information.";
const noSubject =
  'This issuer certificate was generated without a Subject; this makes it likely that issuing leaf certs with this certificate will cause TLS validation libraries to reject this certificate.';
const noPath = 'Max path length of the generated certificate is zero. This certificate cannot be used to issue intermediate CA certificates.';
const nameRule = /^\w(?:[\w-.]*\w)?$/;

/** `rotates`: the name is "next" unless one is given or taken. */
export async function generateRoot(
  store: PkiStore,
  limits: Limits,
  asked: { readonly exported: string; readonly data: Readonly<Record<string, unknown>>; readonly rotates: boolean },
): Promise<Outcome> {
  const fields = readFields(asked.data, schema);
  if (!['exported', 'internal', 'existing', 'kms'].includes(asked.exported)) throw refused('the "exported" path parameter must be "internal", "existing", exported" or "kms"');
  const format = formatOf(fields);
  const existing = asked.exported === 'existing' ? store.key(fields.text('key_ref') || 'default') : undefined;
  const keyType = existing?.type ?? (fields.text('key_type') || 'rsa');
  const keyBits = existing === undefined ? checkKey(keyType, fields.number('key_bits')) : 0;
  const issuerName = issuerNameOf(store, fields) || (asked.rotates && store.findIssuer('next') === undefined ? 'next' : '');
  const keyName = keyNameOf(store, fields);
  const role = roleOf(fields);
  const names = namesFor(role, fields, undefined);
  const { notAfterMs } = endFor(role, fields, limits, undefined);
  const material = existing ?? (await makeKey(keyType, keyBits));
  const pathLength = fields.has('max_path_length') && fields.number('max_path_length') >= 0 ? fields.number('max_path_length') : undefined;
  const serial = newSerial();
  const certificatePem = await makeCertificate({
    subject: names.subject,
    signer: { keyPem: new Secret(material.pem) },
    notBeforeMs: limits.now() - (fields.seconds('not_before_duration', 30) || 30) * 1_000,
    notAfterMs,
    serial,
    keyUsages: [...keyUsagesOf(fields.list('key_usage')).filter((usage) => usage === 'digitalSignature'), 'certSign', 'crlSign'],
    extendedUsages: [],
    basicConstraints: { ca: true, pathLength },
    sans: names.sans,
  });
  const key: KeyEntry = existing ?? store.addKey({ name: keyName, type: material.type, pem: material.pem });
  const shortEnd = Math.floor(notAfterMs / 1_000) * 1_000;
  const issuer = store.addIssuer({
    name: issuerName,
    keyId: key.id,
    certificatePem,
    serial: colons(serial),
    notAfterMs: shortEnd,
    leafNotAfter: 'err',
    usage: ['crl-signing', 'issuing-certificates', 'ocsp-signing', 'read-only'],
    revocationAlgorithm: algorithmOf(key.type, keyBits),
  });
  keepCertificate(store, { serial: issuer.serial, pem: certificatePem, issuerId: issuer.id, notAfterMs: shortEnd });
  const shown = certificateInAnswer(certificatePem, format);
  const privateKey = asked.exported === 'exported' ? keyInAnswer(key.pem, { format, pkcs8: fields.text('private_key_format') === 'pkcs8' }) : undefined;
  return {
    data: {
      certificate: format === 'pem_bundle' && privateKey !== undefined ? `${privateKey}\n${shown}` : shown,
      expiration: shortEnd / 1_000,
      issuer_id: issuer.id,
      issuer_name: issuer.name,
      issuing_ca: shown,
      key_id: key.id,
      key_name: key.name,
      ...(privateKey === undefined ? {} : { private_key: privateKey, private_key_type: key.type }),
      serial_number: issuer.serial,
    },
    warnings: [...usageWarning(fields), ...(names.subject.length === 0 ? [noSubject] : []), noUrls, ...(pathLength === 0 ? [noPath] : []), ...ignoredWarning(fields)],
  };
}

/** Said for every list of usages, also for one that is all right. */
function usageWarning(fields: Fields): string[] {
  if (!fields.has('key_usage')) return [];
  const told = fields.list('key_usage').flatMap((usage) => {
    const known = keyUsagesOf([usage])[0];
    if (known === undefined) return [`unrecognized key usage ${usage}`];
    return ['crlSign', 'certSign', 'digitalSignature'].includes(known) ? [] : [`key usage ${usage} is only valid for non-Ca certs`];
  });
  return [`Invalid key usage will be ignored: ${told.join('; ')}`];
}

/** Nothing is refused by name: who may generate a root may name it. */
function roleOf(fields: Fields): Role {
  const lists = Object.fromEntries(['ou', 'organization', 'country', 'locality', 'province', 'street_address', 'postal_code'].map((name) => [name, fields.list(name)]));
  return { ...lists, allow_any_name: true, allow_ip_sans: true, allowed_uri_sans: ['*'], allowed_serial_numbers: ['*'], cn_validations: ['disabled'] };
}

/** Throws Refusal 400. */
export function issuerNameOf(store: PkiStore, fields: Fields, own = ''): string {
  if (!fields.has('issuer_name')) return '';
  const name = fields.text('issuer_name').trim();
  if (name === '') throw refused('expected non-empty issuer name');
  if (name.toLowerCase() === 'default') throw refused("reserved keyword 'default' can not be used as issuer name");
  if (!nameRule.test(name)) throw refused('issuer name contained invalid characters');
  if (name !== own && store.findIssuer(name) !== undefined) throw refused('issuer name already in use');
  return name;
}

function keyNameOf(store: PkiStore, fields: Fields): string {
  if (!fields.has('key_name')) return '';
  const name = fields.text('key_name').trim();
  if (name.toLowerCase() === 'default') throw refused("reserved keyword 'default' can not be used as key name");
  if (!nameRule.test(name)) throw refused('key name contained invalid characters');
  if (store.findKey(name) !== undefined) throw refused('key name already in use');
  return name;
}

/** Of 159 bits, as Go's certutil.GenerateSerialNumber; never shorter, so that both ends print it alike. */
export function newSerial(): Buffer {
  const serial = randomBytes(20);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

function algorithmOf(type: KeyKind, bits: number): string {
  if (type === 'rsa') return 'SHA256WithRSA';
  return type === 'ed25519' ? 'Ed25519' : bits === 384 ? 'ECDSAWithSHA384' : 'ECDSAWithSHA256';
}
