/** From Ansible's connection variables of one host to the way in that we use. */

import { homedir } from 'node:os';
import type { Host } from '../domain/cluster/inventory.js';
import type { Problem, Vars } from './ansible-groups.js';

/** A value that ansible-vault has encrypted: it stays closed. */
export class VaultText {
  toJSON(): string {
    return '[vault]';
  }
}

/** Options of ssh that change how fast a connection is made, not where it leads. */
const harmless = /^(ControlMaster|ControlPersist|ControlPath|Compression|ServerAliveInterval|ServerAliveCountMax|ConnectTimeout|PreferredAuthentications|LogLevel)=/i;

export function hostFromVars(name: string, vars: Vars): { host: Host; problems: Problem[] } {
  const problems: Problem[] = [];
  const text = (...keys: string[]): string | undefined => {
    for (const key of keys) {
      const found = vars.get(key);
      if (found === undefined || found.value === null || found.value === '') continue;
      const { value, path } = found;
      const flatten = 'Have Ansible resolve it: ansible-inventory -i INVENTORY --list > hosts.json (with --ask-vault-pass if need be), then give hosts.json.';
      if (value instanceof VaultText) problems.push({ path, summary: `"${key}" of "${name}" is encrypted with ansible-vault`, nextAction: flatten });
      else if (typeof value === 'string' && /\{[{%]/.test(value))
        problems.push({ path, summary: `"${key}" of "${name}" is a template`, cause: value.slice(0, 80), nextAction: flatten });
      else if (typeof value === 'object') problems.push({ path, summary: `"${key}" of "${name}" is not a single value`, nextAction: 'Give one value.' });
      else return String(value);
    }
    return undefined;
  };
  const complain = (key: string, parts: Omit<Problem, 'path'>): void => {
    problems.push({ path: vars.get(key)?.path ?? [], ...parts });
  };

  const connection = text('ansible_connection');
  if (connection !== undefined && !['ssh', 'smart', 'paramiko', 'paramiko_ssh', 'ssh2'].includes(connection)) {
    complain('ansible_connection', {
      summary: `"${name}" is not reached over SSH`,
      cause: `ansible_connection is "${connection}"`,
      nextAction: 'Give it an SSH connection, or take it out of the inventory for rotate-ca.',
    });
  }
  const sshUser = text('ansible_user', 'ansible_ssh_user');
  const portText = text('ansible_port', 'ansible_ssh_port');
  const port = Number(portText);
  if (portText !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    complain(vars.has('ansible_port') ? 'ansible_port' : 'ansible_ssh_port', { summary: `"${portText}" is not a port`, nextAction: 'Give a number from 1 to 65535.' });
  }
  const becomeText = text('ansible_become', 'ansible_ssh_become')?.toLowerCase();
  const become = becomeText === undefined ? sshUser !== 'root' : ['true', 'yes', 'on', '1', 't', 'y'].includes(becomeText);
  const method = text('ansible_become_method');
  if (become && method !== undefined && !['sudo', 'ansible.builtin.sudo'].includes(method)) {
    complain('ansible_become_method', {
      summary: `"${name}" does not use sudo`,
      cause: `ansible_become_method is "${method}"`,
      nextAction: 'Only sudo without a password is known here.',
    });
  }
  let sshConfigFile: string | undefined;
  for (const key of ['ansible_ssh_common_args', 'ansible_ssh_extra_args']) {
    const read = readSshArgs(text(key) ?? '');
    sshConfigFile = read.configFile ?? sshConfigFile;
    if (read.unknown !== undefined) {
      complain(key, {
        summary: `"${read.unknown}" in ${key} of "${name}" cannot be taken over`,
        cause: 'only "-F file" is read',
        nextAction: 'Put it into the ssh_config file of this host, and name that file with -F.',
      });
    }
  }
  const sshIdentityFile = text('ansible_ssh_private_key_file', 'ansible_private_key_file')?.replace(/^~(?=\/)/, homedir());
  const host: Host = {
    name,
    sshHost: text('ansible_host', 'ansible_ssh_host') ?? name,
    become,
    ...(portText === undefined ? {} : { sshPort: port }),
    ...(sshUser === undefined ? {} : { sshUser }),
    ...(sshConfigFile === undefined ? {} : { sshConfigFile }),
    ...(sshIdentityFile === undefined ? {} : { sshIdentityFile }),
  };
  return { host, problems };
}

function readSshArgs(args: string): { configFile?: string; unknown?: string } {
  const words = [...args.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
  let configFile: string | undefined;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    if (word === '-F') {
      i += 1;
      configFile = words[i];
    } else if (word.startsWith('-F')) configFile = word.slice(2);
    else if (word === '-o' && harmless.test(words[i + 1] ?? '')) i += 1;
    else if (!(word.startsWith('-o') && harmless.test(word.slice(2))) && !['-C', '-q', '-4', '-6'].includes(word))
      return { unknown: word === '-o' ? `-o ${words[i + 1] ?? ''}` : word };
  }
  return configFile === undefined ? {} : { configFile: configFile.replace(/^~(?=\/)/, homedir()) };
}
