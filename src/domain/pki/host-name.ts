/** Is a leaf for this host name or address? As Go decides it (SANs only), and as OpenSSL does (the common name too, where there is no DNS name). */

import type { CertificateRecord } from '../cluster/inventory.js';
import { commonNamesOf } from './names.js';

export interface NameFault {
  readonly fault: 'wrong-name' | 'no-san';
  /** One sentence for a human, which begins as Go's. */
  readonly text: string;
}

/** Go: VerifyHostname. An address may stand in brackets. undefined: it is for that name. */
export function goNameFault(record: CertificateRecord, name: string): NameFault | undefined {
  const host = /^\[.+\]$/.test(name) ? name.slice(1, -1) : name;
  const address = addressBytes(host);
  if (address !== undefined) {
    const own = sansOf(record, 'IP');
    if (own.some((san) => addressBytes(san) === address)) return undefined;
    if (own.length > 0) return wrong(own, host);
    if (isLegacy(record, host)) return legacy;
    return { fault: 'no-san', text: `cannot validate certificate for ${host} because it does not contain any IP SANs` };
  }
  const names = sansOf(record, 'DNS');
  const wanted = lower(name);
  const isHost = isHostName(wanted.replace(/\.$/, ''), false);
  if (names.some((pattern) => (isHost && isHostName(pattern, true) ? goMatches(pattern, wanted) : isExactly(pattern, wanted)))) return undefined;
  if (isLegacy(record, name)) return legacy;
  if (names.length === 0) return { fault: 'no-san', text: `certificate is not valid for any names, but wanted to match ${name}` };
  return wrong(names, name);
}

/** OpenSSL: X509_check_ip for addresses, else X509_check_host with its default flags. */
export function opensslNameMatches(record: CertificateRecord, name: string): boolean {
  if (isAddress(name)) {
    // Byte for byte: an IPv4 address that is written in the form of IPv6 is another one.
    const own = sansOf(record, 'IP').filter((san) => san.includes(':') === name.includes(':'));
    return own.some((san) => addressBytes(san) === addressBytes(name));
  }
  const names = sansOf(record, 'DNS');
  return (names.length > 0 ? names : commonNamesOf(record.subject)).some((pattern) => opensslMatches(pattern, name));
}

/** Is it an IPv4 or IPv6 address, without brackets? */
export function isAddress(name: string): boolean {
  return addressBytes(name) !== undefined;
}

const legacy: NameFault = { fault: 'no-san', text: 'certificate relies on legacy Common Name field, use SANs instead' };

function wrong(valid: readonly string[], name: string): NameFault {
  return { fault: 'wrong-name', text: `certificate is valid for ${valid.join(', ')}, not ${name}` };
}

/** Go: HostnameError. No SAN at all, and the common name would have matched. */
function isLegacy({ sans, subject }: CertificateRecord, name: string): boolean {
  const last = commonNamesOf(subject).at(-1);
  return sans.length === 0 && last !== undefined && goMatches(last, lower(name));
}

function sansOf({ sans }: CertificateRecord, kind: 'DNS' | 'IP'): string[] {
  return sans.filter((san) => san.startsWith(`${kind}:`)).map((san) => san.slice(kind.length + 1));
}

/** ASCII only, as both verifiers. */
function lower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Go: validHostname. */
function isHostName(host: string, isPattern: boolean): boolean {
  if (host === '' || host === '*') return false;
  return host.split('.').every((label, i) => (isPattern && i === 0 && label === '*') || /^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(label));
}

/** Go: matchExactly. */
function isExactly(pattern: string, host: string): boolean {
  return pattern !== '' && pattern !== '.' && host !== '' && host !== '.' && lower(pattern) === host;
}

/** Go: matchHostnames. A star stands for the whole first label. */
function goMatches(pattern: string, host: string): boolean {
  const wanted = host.replace(/\.$/, '').split('.');
  const own = lower(pattern).split('.');
  return pattern !== '' && own.length === wanted.length && own.every((label, i) => (i === 0 && label === '*') || label === wanted[i]);
}

/** OpenSSL: equal_wildcard. A name that begins with a dot asks for any host below it. */
function opensslMatches(pattern: string, host: string): boolean {
  const [own, wanted] = [lower(pattern), lower(host)];
  if (wanted.length > 1 && wanted.startsWith('.')) return own.endsWith(wanted);
  const star = wildcardOf(own);
  if (star === undefined) return own === wanted;
  return matchesWildcard(own.slice(0, star), own.slice(star + 1), wanted);
}

/** OpenSSL: valid_star. Place of the one star: at the start or the end of the first label, with at least two dots after it, and not in an IDNA label. */
function wildcardOf(pattern: string): number | undefined {
  const labels = pattern.split('.');
  const [first = '', ...rest] = labels;
  const hasStar = /^\*([a-z0-9-]*[a-z0-9])?$|^[a-z0-9]([a-z0-9-]*[a-z0-9])?\*$/.test(first);
  const isWhole = rest.length >= 2 && rest.every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label));
  return hasStar && isWhole && !first.startsWith('xn--') ? first.indexOf('*') : undefined;
}

/** OpenSSL: wildcard_match. The star stands for letters, digits and hyphens of one label; where it is the whole label, for at least one. */
function matchesWildcard(before: string, after: string, host: string): boolean {
  if (host.length < before.length + after.length || !host.startsWith(before) || !host.endsWith(after)) return false;
  const between = host.slice(before.length, host.length - after.length);
  const isWholeLabel = before === '' && after.startsWith('.');
  if (isWholeLabel && between === '') return false;
  if (!isWholeLabel && host.startsWith('xn--')) return false;
  return between === '*' || /^[a-z0-9-]*$/.test(between);
}

/** Hex of sixteen bytes, an IPv4 address as ::ffff:a.b.c.d (Go: net.ParseIP, which takes no zones and no leading zeros). undefined: not an address. */
export function addressBytes(text: string): string | undefined {
  if (!text.includes(':')) {
    const four = fourBytes(text);
    return four === undefined ? undefined : `${'0'.repeat(20)}ffff${four}`;
  }
  const last = text.slice(text.lastIndexOf(':') + 1);
  const four = last.includes('.') ? fourBytes(last) : '';
  if (four === undefined) return undefined;
  const whole = four === '' ? text : `${text.slice(0, -last.length)}${four.slice(0, 4)}:${four.slice(4)}`;
  const halves = whole.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(Math.max(0, missing)).fill('0'), ...tail];
  return groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) ? groups.map((group) => group.toLowerCase().padStart(4, '0')).join('') : undefined;
}

function fourBytes(text: string): string | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return undefined;
  return parts.map((part) => Number(part).toString(16).padStart(2, '0')).join('');
}
