/** Reads known_hosts as sshd(8) describes it, and says what is known of the key that a host presents. */

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface KnownKey {
  readonly file: string;
  readonly line: number;
  readonly marker?: 'revoked' | 'cert-authority';
  /** Comma-separated patterns, or one hashed name. */
  readonly hosts: string;
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`, ... */
  readonly type: string;
  readonly key: Buffer;
}

export type KeyVerdict =
  | { readonly is: 'known'; readonly by: KnownKey }
  | { readonly is: 'revoked'; readonly by: KnownKey }
  | { readonly is: 'changed'; readonly instead: readonly KnownKey[] }
  /** `onlyCa`: the host is known by a certificate authority alone, and host certificates cannot be checked here. */
  | { readonly is: 'unknown'; readonly onlyCa?: KnownKey };

/** The keys in a known_hosts text. Comments, empty and malformed lines are passed over, as ssh does. */
export function parseKnownHosts(text: string, file: string): KnownKey[] {
  return text.split('\n').flatMap((line, index) => {
    const key = parseLine(line.trim());
    return key === undefined ? [] : [{ file, line: index + 1, ...key }];
  });
}

function parseLine(line: string): Omit<KnownKey, 'file' | 'line'> | undefined {
  if (line === '' || line.startsWith('#')) {
    return undefined;
  }
  const words = line.split(/[ \t]+/);
  const marker = words[0]?.startsWith('@') ? words.shift()?.slice(1) : undefined;
  const [hosts, type, base64] = words;
  if (hosts === undefined || type === undefined || base64 === undefined) {
    return undefined;
  }
  const key = Buffer.from(base64, 'base64');
  if (typeOfKey(key) !== type || (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority')) {
    return undefined;
  }
  return { ...(marker === undefined ? {} : { marker }), hosts, type, key };
}

/** The keys of all files that exist; a file that is not there or may not be read is as if it were empty, as for ssh. */
export function readKnownHosts(files: readonly string[]): KnownKey[] {
  return files.flatMap((file) => {
    try {
      return parseKnownHosts(readFileSync(file, 'utf8'), file);
    } catch {
      return [];
    }
  });
}

/** The name under which ssh looks a host up: `host`, or `[host]:port` on another port than 22. */
export function knownHostsName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** The lines that speak of a host on this port. */
export function exactOf(known: readonly KnownKey[], host: string, port: number): KnownKey[] {
  return known.filter((k) => matches(k.hosts, knownHostsName(host, port)));
}

/** On another port than 22, lines without a port count too when none has one, but never as proof of a change. */
export function portlessOf(known: readonly KnownKey[], host: string, port: number): KnownKey[] {
  return port === 22 ? [] : known.filter((k) => matches(k.hosts, host.toLowerCase()));
}

/** What is known of the key (SSH wire format) that a host presents on a port. */
export function judgeKey(known: readonly KnownKey[], host: string, port: number, presented: Buffer): KeyVerdict {
  // Each hashed name costs an HMAC: hundreds of hosts with hundreds of lines are not compared all with all when the key decides.
  const withKey = known.filter((k) => k.key.equals(presented));
  const [exactWithKey, portlessWithKey] = [exactOf(withKey, host, port), portlessOf(withKey, host, port)];
  const revoked = [...exactWithKey, ...portlessWithKey].find((k) => k.marker === 'revoked');
  if (revoked !== undefined) {
    return { is: 'revoked', by: revoked };
  }
  const same = exactWithKey.find((k) => k.marker === undefined);
  if (same !== undefined) {
    return { is: 'known', by: same };
  }
  const exact = exactOf(known, host, port);
  const plain = exact.filter((k) => k.marker === undefined);
  if (plain.length > 0) {
    return { is: 'changed', instead: plain };
  }
  const withoutPort = portlessWithKey.find((k) => k.marker === undefined);
  if (withoutPort !== undefined) {
    return { is: 'known', by: withoutPort };
  }
  const onlyCa = exact.find((k) => k.marker === 'cert-authority');
  return onlyCa === undefined ? { is: 'unknown' } : { is: 'unknown', onlyCa };
}

/** `SHA256:...` as ssh-keygen -lf prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that stands at the beginning of a key in wire format; empty if it is none. */
export function typeOfKey(key: Buffer): string {
  if (key.length < 4) {
    return '';
  }
  const length = key.readUInt32BE(0);
  return length > 64 || key.length < 4 + length ? '' : key.toString('latin1', 4, 4 + length);
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) {
    return matchesHashed(hosts, name);
  }
  const patterns = hosts.toLowerCase().split(',');
  const isNegated = patterns.some((p) => p.startsWith('!') && matchesPattern(p.slice(1), name));
  return !isNegated && patterns.some((p) => !p.startsWith('!') && matchesPattern(p, name));
}

// |1|salt|HMAC-SHA1(salt, name): OpenSSH hostfile.c.
function matchesHashed(hashed: string, name: string): boolean {
  const [, version, salt, hmac] = hashed.split('|');
  if (version !== '1' || salt === undefined || hmac === undefined) {
    return false;
  }
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest().equals(Buffer.from(hmac, 'base64'));
}

// Two pointers with one place to go back to: linear in practice, where a regular expression of many `*` would not be.
function matchesPattern(pattern: string, name: string): boolean {
  let p = 0;
  let star = -1;
  let afterStar = 0;
  for (let n = 0; n < name.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      afterStar = n;
    } else if (pattern[p] === '?' || (p < pattern.length && pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++afterStar;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') {
    p++;
  }
  return p === pattern.length;
}
