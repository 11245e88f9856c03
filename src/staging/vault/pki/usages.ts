/** Key usages and extended key usages by the names that Vault's fields take. */

import type { KeyUsageName } from '../../../x509/certificate.js';

const keyUsages: Readonly<Record<string, KeyUsageName>> = {
  digitalsignature: 'digitalSignature',
  contentcommitment: 'contentCommitment',
  keyencipherment: 'keyEncipherment',
  dataencipherment: 'dataEncipherment',
  keyagreement: 'keyAgreement',
  certsign: 'certSign',
  crlsign: 'crlSign',
  encipheronly: 'encipherOnly',
  decipheronly: 'decipherOnly',
};

/** In the order in which Vault puts them into a certificate (sdk/helper/certutil/types.go AddKeyUsages). */
const extendedUsages: readonly (readonly [name: string, oid: string])[] = [
  ['any', '2.5.29.37.0'],
  ['serverauth', '1.3.6.1.5.5.7.3.1'],
  ['clientauth', '1.3.6.1.5.5.7.3.2'],
  ['codesigning', '1.3.6.1.5.5.7.3.3'],
  ['emailprotection', '1.3.6.1.5.5.7.3.4'],
  ['ipsecendsystem', '1.3.6.1.5.5.7.3.5'],
  ['ipsectunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsecuser', '1.3.6.1.5.5.7.3.7'],
  ['timestamping', '1.3.6.1.5.5.7.3.8'],
  ['ocspsigning', '1.3.6.1.5.5.7.3.9'],
  ['microsoftservergatedcrypto', '1.3.6.1.4.1.311.10.3.3'],
  ['netscapeservergatedcrypto', '2.16.840.1.113730.4.1'],
];

/** Names that are not known are passed over, as Vault does. */
export function keyUsagesOf(names: readonly string[]): KeyUsageName[] {
  return names.map((name) => keyUsages[name.trim().toLowerCase()]).filter((usage) => usage !== undefined);
}

export function extendedUsagesOf(names: readonly string[], flags: Readonly<Record<string, boolean>>, oids: readonly string[]): string[] {
  const asked = new Set(names.map((name) => name.trim().toLowerCase()));
  const listed = extendedUsages.filter(([name]) => asked.has(name) || flags[name] === true).map(([, oid]) => oid);
  return [...listed, ...oids];
}
