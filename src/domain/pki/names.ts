/** Distinguished and alternative names of certificates, as text. */

import { childrenOf, type DerValue, oidOf } from './der.js';

const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.17': 'postalCode',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

export interface NamePart {
  /** Short name as in RFC 4514, or the dotted identifier. */
  readonly type: string;
  readonly value: string;
}

/** The attributes of a Name, in the order of the certificate. */
export function namePartsOf(name: DerValue): NamePart[][] {
  return childrenOf(name).map((rdn) =>
    childrenOf(rdn).map((attribute) => {
      const [type, value] = childrenOf(attribute);
      if (type === undefined || value === undefined) throw new RangeError('incomplete name attribute');
      const oid = oidOf(type);
      return { type: shortNames[oid] ?? oid, value: textOf(value) };
    }),
  );
}

/** A Name in one line, in the order of the certificate: `O=system:nodes, CN=system:node:worker-1`. Special characters are escaped as in RFC 4514. */
export function nameText(name: DerValue): string {
  return namePartsOf(name)
    .map((rdn) => rdn.map((part) => `${part.type}=${escapeValue(part.value)}`).join('+'))
    .join(', ');
}

/** The common names in the text of a name, in its order, without the escapes of `nameText`. */
export function commonNamesOf(text: string): string[] {
  return [...text.matchAll(/(?:^|, |\+)CN=((?:\\.|[^,+\\])*)/gs)].map(([, value = '']) =>
    value.replace(/\\([0-9a-f]{2}|.)/gs, (_, escaped: string) => (escaped.length === 2 ? String.fromCharCode(Number.parseInt(escaped, 16)) : escaped)),
  );
}

/** General names of a SubjectAltName value as `DNS:`, `IP:`, `URI:` and `email:` texts; other kinds are left out. */
export function generalNames(sequence: DerValue): string[] {
  return childrenOf(sequence).flatMap((name) => {
    if (name.tag === 0x82) return [`DNS:${name.content.toString('latin1')}`];
    if (name.tag === 0x87) return [`IP:${ipText(name.content)}`];
    if (name.tag === 0x86) return [`URI:${name.content.toString('latin1')}`];
    if (name.tag === 0x81) return [`email:${name.content.toString('latin1')}`];
    return [];
  });
}

/** Text of an IP address: dotted for four bytes, RFC 5952 for sixteen. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join('.');
  if (bytes.length !== 16) return `0x${Buffer.from(bytes).toString('hex')}`;
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  const zeros = longestZeros(groups);
  if (zeros.length < 2) return groups.join(':');
  return `${groups.slice(0, zeros.start).join(':')}::${groups.slice(zeros.start + zeros.length).join(':')}`;
}

function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

function textOf(value: DerValue): string {
  if (value.tag === 0x1e)
    return Buffer.from(value.content.subarray(0, value.content.length & ~1))
      .swap16()
      .toString('utf16le');
  // T61String and the ASCII kinds are subsets of Latin-1 for every name that is seen in clusters.
  return value.content.toString(value.tag === 0x0c ? 'utf8' : 'latin1');
}

function escapeValue(value: string): string {
  return (
    value
      .replace(/[,+"\\<>;]/g, '\\$&')
      .replace(/^[# ]/, '\\$&')
      .replace(/ $/, '\\ ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
      .replace(/[\u0000-\u001f\u007f]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  );
}
