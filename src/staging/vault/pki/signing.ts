/** Leaves: sign-verbatim, sign and issue (builtin/logical/pki/path_issue_sign.go). */

import { randomBytes } from 'node:crypto';
import { Secret } from '../../../domain/secret.js';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { makeCertificate } from '../../../x509/certificate.js';
import { type Outcome, Refusal, failed, refused } from '../answer.js';
import { type FieldKind, type Fields, ignoredWarning, readFields } from '../fields.js';
import { type Limits, endFor, namesFor } from './creation.js';
import { certificateInAnswer, formatOf, keepCertificate } from './made.js';
import { colons, keyInAnswer, makeKey } from './key-material.js';
import { listOf, type Role } from '../../../domain/issuing/role-names.js';
import { type SigningRequest, readSigningRequest } from './request.js';
import { newSerial } from './roots.js';
import type { IssuerEntry, KeyEntry, PkiStore } from './store.js';
import { extendedUsagesOf, keyUsagesOf } from './usages.js';

export interface Signing {
  readonly store: PkiStore;
  readonly limits: Limits;
  /** `issuer` of the path; undefined: that of the role, or the default. */
  readonly issuerRef: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  /** Of the request, for the id of a lease. */
  readonly path: string;
}

const issueSchema: Readonly<Record<string, FieldKind>> = {
  ...Object.fromEntries(
    ['role', 'issuer_ref', 'common_name', 'alt_names', 'serial_number', 'not_after', 'format', 'private_key_format', 'cert_metadata'].map((name) => [name, 'string' as const]),
  ),
  ...Object.fromEntries(['ip_sans', 'uri_sans', 'other_sans', 'user_ids'].map((name) => [name, 'list' as const])),
  ttl: 'duration',
  exclude_cn_from_sans: 'bool',
  remove_roots_from_chain: 'bool',
};
const signSchema: Readonly<Record<string, FieldKind>> = { ...issueSchema, csr: 'string' };
const verbatimSchema: Readonly<Record<string, FieldKind>> = {
  ...signSchema,
  key_usage: 'list',
  ext_key_usage: 'list',
  ext_key_usage_oids: 'list',
  signature_bits: 'int',
  use_pss: 'bool',
  basic_constraints_valid_for_non_ca: 'bool',
};
const basicConstraints = '2.5.29.19';

/** Not subject to a role's rules; of a role only storage, lives and backdating are taken. */
export async function signVerbatim(signing: Signing, role: Role | undefined): Promise<Outcome> {
  const fields = readFields(signing.data, verbatimSchema);
  const entry: Role = {
    allow_any_name: true,
    allow_ip_sans: true,
    allow_localhost: true,
    allowed_uri_sans: ['*'],
    allowed_serial_numbers: ['*'],
    cn_validations: ['disabled'],
    use_csr_common_name: true,
    use_csr_sans: true,
    key_type: 'any',
    key_usage: fields.list('key_usage', ['DigitalSignature', 'KeyAgreement', 'KeyEncipherment']),
    ext_key_usage: fields.list('ext_key_usage'),
    ext_key_usage_oids: fields.list('ext_key_usage_oids'),
    ...(role === undefined
      ? {}
      : {
          issuer_ref: role.issuer_ref ?? 'default',
          no_store: role.no_store ?? false,
          ttl: role.ttl ?? 0,
          max_ttl: role.max_ttl ?? 0,
          generate_lease: role.generate_lease ?? false,
          not_before_duration: role.not_before_duration ?? 0,
        }),
  };
  return make(signing, entry, fields, { csr: true, verbatim: true });
}

export function signWithRole(signing: Signing, role: Role): Promise<Outcome> {
  return make(signing, role, readFields(signing.data, signSchema), { csr: true, verbatim: false });
}

/** With a new key, that leaves with the answer and is not kept. */
export function issueWithRole(signing: Signing, role: Role): Promise<Outcome> {
  if (role.key_type === 'any') throw refused('role key type "any" not allowed for issuing certificates, only signing');
  return make(signing, role, readFields(signing.data, issueSchema), { csr: false, verbatim: false });
}

async function make(signing: Signing, role: Role, fields: Fields, way: { readonly csr: boolean; readonly verbatim: boolean }): Promise<Outcome> {
  const { store, limits } = signing;
  const format = formatOf(fields);
  const { issuer, key } = signerFor(store, signing.issuerRef ?? String(role.issuer_ref ?? 'default'));
  const request = way.csr ? checkedRequest(role, await readSigningRequest(fields.text('csr'))) : undefined;
  const names = namesFor(role, fields, request);
  const { notAfterMs, warnings: cut } = endFor(role, fields, limits, issuer);
  const ownKey = request === undefined ? await makeKey(String(role.key_type), Number(role.key_bits)) : undefined;
  const serial = newSerial();
  const certificatePem = await makeCertificate({
    subject: way.verbatim && request !== undefined ? request.subject.map((attribute) => [attribute]) : names.subject,
    publicKey: request?.publicKey ?? createPublicKey(createPrivateKey(ownKey?.pem ?? '')).export({ type: 'spki', format: 'der' }),
    signer: { keyPem: new Secret(key.pem), certificatePem: issuer.certificatePem },
    notBeforeMs: limits.now() - (Number(role.not_before_duration ?? 0) || 30) * 1_000,
    notAfterMs,
    serial,
    keyUsages: keyUsagesOf(listOf(role, 'key_usage')),
    extendedUsages: extendedUsagesOf(listOf(role, 'ext_key_usage'), flagsOf(role), listOf(role, 'ext_key_usage_oids')),
    ...(role.basic_constraints_valid_for_non_ca === true ? { basicConstraints: { ca: false } } : {}),
    // Verbatim: those of the request alone, never the common name (vault sdk/helper/certutil signCertificate, UseCSRValues).
    sans: way.verbatim ? (request?.sans ?? []) : names.sans,
    // Everything that the request carries comes with it, but never the wish to be a CA.
    ...(way.verbatim ? { extensions: (request?.extensions ?? []).filter(({ oid }) => oid !== basicConstraints) } : {}),
  });
  const serialText = colons(serial);
  const endSeconds = Math.floor(notAfterMs / 1_000);
  if (role.no_store !== true) keepCertificate(store, { serial: serialText, pem: certificatePem, issuerId: issuer.id, notAfterMs: endSeconds * 1_000 });
  const constraints =
    request?.extensions.some(({ oid }) => oid === basicConstraints) === true ? ['specified CSR contained a Basic Constraints extension that was ignored during issuance'] : [];
  const warnings = [...cut, ...constraints];
  return {
    data: answerData(fields, { format, certificatePem, issuer, serial: serialText, endSeconds, ownKey }),
    ...(role.generate_lease === true ? { lease: { id: `${signing.path}/${randomBytes(18).toString('base64url')}`, seconds: endSeconds - Math.floor(limits.now() / 1_000) } } : {}),
    // Twice, as the real engine has it: once with the answer, once after it was stored.
    warnings: [...warnings, ...(way.csr ? unusedWarnings(role, fields) : []), ...warnings, ...ignoredWarning(fields)],
  };
}

/** Throws Refusal 500 with the words of an issuer that cannot be used. */
function signerFor(store: PkiStore, reference: string): { readonly issuer: IssuerEntry; readonly key: KeyEntry } {
  try {
    const issuer = store.issuer(reference);
    if (!issuer.usage.includes('issuing-certificates')) throw failed(500, `unable to use issuer ${issuer.id} for issuing-certificates: usage not allowed`);
    const key = store.findKey(issuer.keyId);
    if (key === undefined) throw failed(500, `unable to fetch corresponding key for issuer ${issuer.id}; unable to use this issuer for signing`);
    return { issuer, key };
  } catch (error) {
    if (error instanceof Refusal) throw failed(500, `could not fetch the CA certificate (was one set?): ${error.texts.join('; ')}`);
    throw error;
  }
}

function checkedRequest(role: Role, request: SigningRequest): SigningRequest {
  const wanted = String(role.key_type);
  if (wanted !== 'any' && wanted !== request.keyType) throw refused(`role requires keys of type ${wanted}`);
  if (request.keyType === 'rsa' && wanted === 'any' && request.keyBits < 2048) throw refused('RSA keys < 2048 bits are unsafe and not supported');
  const least = wanted === 'any' ? (request.keyType === 'rsa' ? 2048 : request.keyType === 'ec' ? 224 : 0) : Number(role.key_bits);
  if (request.keyType !== 'ed25519' && request.keyBits < least) throw refused(`role requires a minimum of a ${least}-bit key, but CSR's key is ${request.keyBits} bits`);
  return request;
}

function flagsOf(role: Role): Record<string, boolean> {
  return {
    serverauth: role.server_flag === true,
    clientauth: role.client_flag === true,
    codesigning: role.code_signing_flag === true,
    emailprotection: role.email_protection_flag === true,
  };
}

function unusedWarnings(role: Role, fields: Fields): string[] {
  return [
    ...(role.use_csr_common_name === true && fields.text('common_name') !== ''
      ? ['the common_name field was provided but the role is set with "use_csr_common_name" set to true']
      : []),
    ...(role.use_csr_sans === true && fields.text('alt_names') !== '' ? ['the alt_names field was provided but the role is set with "use_csr_sans" set to true'] : []),
  ];
}

interface Made {
  readonly format: ReturnType<typeof formatOf>;
  readonly certificatePem: string;
  readonly issuer: IssuerEntry;
  readonly serial: string;
  readonly endSeconds: number;
  readonly ownKey: { readonly type: string; readonly pem: string } | undefined;
}

function answerData(fields: Fields, { format, certificatePem, issuer, serial, endSeconds, ownKey }: Made): Record<string, unknown> {
  const issuing = certificateInAnswer(issuer.certificatePem, format);
  const certificate = certificateInAnswer(certificatePem, format);
  // Every issuer here is a root.
  const chain = fields.flag('remove_roots_from_chain') ? [] : [issuing];
  const privateKey = ownKey === undefined ? undefined : keyInAnswer(ownKey.pem, { format, pkcs8: fields.text('private_key_format') === 'pkcs8' });
  // The key in the bundle keeps its own form, whatever form was asked for.
  const bundle = [...(ownKey === undefined ? [] : [ownKey.pem.trimEnd()]), certificate, issuing].join('\n');
  return {
    ...(chain.length === 0 ? {} : { ca_chain: chain }),
    certificate: format === 'pem_bundle' ? bundle : certificate,
    expiration: endSeconds,
    issuing_ca: issuing,
    ...(privateKey === undefined ? {} : { private_key: privateKey, private_key_type: ownKey?.type }),
    serial_number: serial,
  };
}
