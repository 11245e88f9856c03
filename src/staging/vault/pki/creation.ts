/** What goes into a certificate by role, request and parameters: names and end (builtin/logical/pki/issuing/issue_common.go GenerateCreationBundle). */

import { isIP } from 'node:net';
import type { NameAttribute } from '../../../x509/certificate.js';
import { refused } from '../answer.js';
import type { Fields } from '../fields.js';
import { goDuration, goTime } from '../go-format.js';
import { allowsCommonName, allowsName, globMatches, isHostname, listOf, type Role } from '../../../domain/issuing/role-names.js';
import { attributeOids, type SigningRequest } from './request.js';
import type { IssuerEntry } from './store.js';

export interface Limits {
  readonly now: () => number;
  readonly defaultSeconds: () => number;
  readonly maxSeconds: () => number;
}

export interface Names {
  readonly subject: readonly (readonly NameAttribute[])[];
  /** DNS, e-mail, IP, URI, as Go writes them. */
  readonly sans: readonly string[];
}

/** Throws Refusal 400 for what the role does not allow. */
export function namesFor(role: Role, fields: Fields, request: SigningRequest | undefined): Names {
  const commonName = (request !== undefined && role.use_csr_common_name === true ? request.commonName : '') || fields.text('common_name');
  if (commonName === '' && role.require_cn === true) {
    throw refused('the common_name field is required, or must be provided in a CSR with "use_csr_common_name" set to true, unless "require_cn" is set to false');
  }
  const serialNumber = fields.text('serial_number') || (role.serial_number_source === 'json' ? '' : (request?.serialNumber ?? ''));
  const fromRequest = request !== undefined && role.use_csr_sans === true;
  const dns: string[] = fromRequest ? kindOf(request.sans, 'DNS:') : [];
  const emails: string[] = fromRequest ? kindOf(request.sans, 'email:') : [];
  const others = fromRequest ? [] : [...new Set(fields.text('alt_names').split(','))].map((name) => name.trim()).filter((name) => name !== '');
  for (const name of [...(commonName === '' || fields.flag('exclude_cn_from_sans') ? [] : [commonName]), ...others]) {
    if (name.includes('@')) emails.push(name);
    else if (isHostname(name)) dns.push(name);
  }
  if (commonName !== '' && !allowsCommonName(role, commonName)) throw refused(`common name ${commonName} not allowed by this role`);
  if (serialNumber !== '' && !listOf(role, 'allowed_serial_numbers').some((one) => globMatches(one, serialNumber)))
    throw refused(`serial_number ${serialNumber} not allowed by this role`);
  const badName = dns.find((name) => !allowsName(role, name));
  if (badName !== undefined) throw refused(`subject alternate name ${badName} not allowed by this role`);
  const badEmail = emails.find((name) => !allowsName(role, name));
  if (badEmail !== undefined) throw refused(`email address ${badEmail} not allowed by this role`);
  const tidy = (names: readonly string[], prefix: string): string[] => [...new Set(names)].sort().map((name) => `${prefix}${name}`);
  return {
    subject: subjectOf(role, commonName, serialNumber),
    sans: [...tidy(dns, 'DNS:'), ...tidy(emails, 'email:'), ...addressesFor(role, fields, request, fromRequest), ...urisFor(role, fields, request, fromRequest)],
  };
}

function kindOf(sans: readonly string[], prefix: string): string[] {
  return sans.filter((san) => san.startsWith(prefix)).map((san) => san.slice(prefix.length));
}

function addressesFor(role: Role, fields: Fields, request: SigningRequest | undefined, fromRequest: boolean): string[] {
  const given = fromRequest ? kindOf(request?.sans ?? [], 'IP:') : fields.list('ip_sans');
  if (given.length === 0) return [];
  if (role.allow_ip_sans !== true) {
    throw refused(`IP Subject Alternative Names are not allowed in this role, but was provided ${fromRequest ? 'some via CSR' : `[${given.join(' ')}]`}`);
  }
  const bad = given.find((address) => isIP(address) === 0);
  if (bad !== undefined) throw refused(`the value ${JSON.stringify(bad)} is not a valid IP address`);
  return given.map((address) => `IP:${address}`);
}

function urisFor(role: Role, fields: Fields, request: SigningRequest | undefined, fromRequest: boolean): string[] {
  const given = fromRequest ? kindOf(request?.sans ?? [], 'URI:') : fields.list('uri_sans');
  if (given.length === 0) return [];
  const allowed = listOf(role, 'allowed_uri_sans');
  const way = fromRequest ? 'via CSR' : 'via the API';
  if (allowed.length === 0) throw refused(`URI Subject Alternative Names are not allowed in this role, but were provided ${way}`);
  if (!given.every((uri) => allowed.some((pattern) => globMatches(pattern, uri))))
    throw refused(`URI Subject Alternative Names were provided ${way} which are not valid for this role`);
  return given.map((uri) => `URI:${uri}`);
}

/** crypto/x509/pkix Name.ToRDNSequence: values of one kind in one set, in this order. */
function subjectOf(role: Role, commonName: string, serialNumber: string): NameAttribute[][] {
  const sets: readonly (readonly [type: string, values: readonly string[]])[] = [
    [attributeOids.C, listOf(role, 'country')],
    [attributeOids.O, listOf(role, 'organization')],
    [attributeOids.OU, listOf(role, 'ou')],
    [attributeOids.L, listOf(role, 'locality')],
    [attributeOids.ST, listOf(role, 'province')],
    [attributeOids.street, listOf(role, 'street_address')],
    [attributeOids.postalCode, listOf(role, 'postal_code')],
    [attributeOids.CN, commonName === '' ? [] : [commonName]],
    [attributeOids.serialNumber, serialNumber === '' ? [] : [serialNumber]],
  ];
  return sets.filter(([, values]) => values.length > 0).map(([type, values]) => [...new Set(values)].map((value) => ({ type, value })));
}

/** Unix ms. Throws Refusal 400 when it is beyond the issuer's, unless the issuer says otherwise. `issuer` undefined: a root. */
export function endFor(role: Role, fields: Fields, limits: Limits, issuer: IssuerEntry | undefined): { readonly notAfterMs: number; readonly warnings: string[] } {
  const explicit = String(role.not_after ?? '') || fields.text('not_after');
  const asked = fields.seconds('ttl');
  if (asked > 0 && explicit !== '') throw refused('Either ttl or not_after should be provided. Both should not be provided in the same request.');
  const wanted = asked || Number(role.ttl ?? 0) || limits.defaultSeconds();
  const longest = Number(role.max_ttl ?? 0) || limits.maxSeconds();
  const warnings = wanted > longest ? [`TTL "${goDuration(wanted)}" is longer than permitted maxTTL "${goDuration(longest)}", so maxTTL is being used`] : [];
  const end = explicit === '' ? limits.now() + Math.min(wanted, longest) * 1_000 : parseTime(explicit);
  if (issuer === undefined || end <= issuer.notAfterMs || issuer.leafNotAfter === 'permit') return { notAfterMs: end, warnings };
  if (issuer.leafNotAfter === 'truncate') return { notAfterMs: issuer.notAfterMs, warnings };
  throw refused(
    `cannot satisfy request, as TTL would result in notAfter of ${goTime(end, explicit === '' ? 456_789 : 0)} that is beyond the expiration of the CA certificate at ${goTime(issuer.notAfterMs)}`,
  );
}

function parseTime(text: string): number {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw refused(`parsing time "${text}" as "2006-01-02T15:04:05Z07:00": cannot parse "${text}" as "2006"`);
  return time;
}
