/** What becomes of the key that a host presents: accepted, or a failure that says which fingerprint was seen and where another one is written. */

import type { ServerHostKeyAlgorithm } from 'ssh2';
import { type Failure, failure } from '../../domain/errors.js';
import { fingerprintOf, exactOf, judgeKey, type KnownKey, portlessOf, typeOfKey } from './known-hosts.js';
import type { Hop } from './resolve-host.js';

// Without ssh-rsa (SHA-1) and ssh-dss, which OpenSSH does not accept either since 8.8.
const algorithms: readonly ServerHostKeyAlgorithm[] = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256'];

/**
 * Those for which a key is known come first: with another order a host with a known ed25519 key and an unknown ECDSA key would look changed.
 * The others follow only so that a refusal can name the fingerprint of what the host has instead; `refusalOf` accepts none of them.
 */
export function hostKeyAlgorithms(known: readonly KnownKey[], hop: Hop): ServerHostKeyAlgorithm[] {
  const { host, port } = lookUpName(hop);
  const plain = (keys: readonly KnownKey[]): readonly KnownKey[] => keys.filter((k) => k.marker === undefined);
  const exact = plain(exactOf(known, host, port));
  const keys = exact.length > 0 ? exact : plain(portlessOf(known, host, port));
  const isKnown = (algorithm: string): boolean => keys.some((k) => k.type === algorithm || (k.type === 'ssh-rsa' && algorithm.startsWith('rsa-sha2-')));
  return [...algorithms.filter(isKnown), ...algorithms.filter((a) => !isKnown(a))];
}

/** undefined: the key is known. */
export function refusalOf(known: readonly KnownKey[], hop: Hop, presented: Buffer): Failure | undefined {
  const { host, port } = lookUpName(hop);
  const verdict = judgeKey(known, host, port, presented);
  const seen = `${typeOfKey(presented)} ${fingerprintOf(presented)}`;
  const where = `${hop.host}:${hop.port}`;
  const scan = `ssh-keyscan -p ${hop.port} ${hop.host} | ssh-keygen -lf -`;
  switch (verdict.is) {
    case 'known':
      return undefined;
    case 'revoked':
      return failure('ssh-host-key-changed', {
        target: hop.name,
        summary: `The host key of ${where} has been revoked`,
        cause: `it presents ${seen}, which is marked @revoked at ${place(verdict.by)}`,
        nextAction: `Find out why the key was revoked; do not connect to ${hop.host} before`,
      });
    case 'changed':
      return failure('ssh-host-key-changed', {
        target: hop.name,
        summary: `The host key of ${where} is not the one that is known`,
        cause: `it presents ${seen}; known is ${verdict.instead.map((k) => `${k.type} ${fingerprintOf(k.key)} at ${place(k)}`).join(', ')}`,
        nextAction: `If the host was installed again, compare with "${scan}" run on the host's own network, then remove the line with "ssh-keygen -R ${quotedName(host, port)} -f ${verdict.instead[0]?.file ?? 'known_hosts'}"`,
      });
    case 'unknown':
      return failure('ssh-host-key-unknown', {
        target: hop.name,
        summary: `The host key of ${where} is not in known_hosts`,
        cause:
          verdict.onlyCa === undefined
            ? `it presents ${seen}`
            : `it presents ${seen}; only a @cert-authority line speaks of it (${place(verdict.onlyCa)}), and host certificates are not supported`,
        nextAction: `Compare the fingerprint with "${scan}" run on the host's own network, then accept it with "ssh ${hop.port === 22 ? '' : `-p ${hop.port} `}${hop.user}@${hop.host}"`,
      });
  }
}

// HostKeyAlias stands for the name and is looked up without a port: ssh_config(5).
function lookUpName(hop: Hop): { host: string; port: number } {
  return hop.hostKeyAlias === undefined ? { host: hop.host, port: hop.port } : { host: hop.hostKeyAlias, port: 22 };
}

function quotedName(host: string, port: number): string {
  return port === 22 ? host : `'[${host}]:${port}'`;
}

function place(key: KnownKey): string {
  return `${key.file}:${key.line}`;
}
