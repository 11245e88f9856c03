/** What an operator of the staging cluster would have got from whoever set its machines up: known_hosts lines and an ssh_config. */

import { createHmac, randomBytes } from 'node:crypto';
import type { NodeSpec } from '../spec.js';

/** One hashed line (`|1|salt|HMAC-SHA1`, OpenSSH hostfile.c), as Debian writes them. `publicKey` as in a .pub file. */
export function knownHostsLine(address: string, port: number, publicKey: string): string {
  const name = port === 22 ? address : `[${address}]:${port}`;
  const salt = randomBytes(20);
  const [type, key] = publicKey.split(' ');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')} ${type} ${key}\n`;
}

/** By name and by address, with ProxyJump for nodes behind others. Paths are absolute. */
export function sshConfigText(options: {
  readonly nodes: readonly Pick<NodeSpec, 'name' | 'address' | 'sshPort' | 'via'>[];
  readonly user: string;
  readonly identityFile: string;
  readonly knownHostsFile: string;
}): string {
  const hosts = options.nodes.map(
    (node) => `Host ${node.name} ${node.address}\n  HostName ${node.address}\n  Port ${node.sshPort}\n${node.via === undefined ? '' : `  ProxyJump ${node.via}\n`}`,
  );
  return `${hosts.join('\n')}
Host *
  User ${options.user}
  IdentityFile ${inConfig(options.identityFile)}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${inConfig(options.knownHostsFile)}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
  ServerAliveInterval 15
`;
}

function inConfig(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}
