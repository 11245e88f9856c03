/** Asks the ssh program how it would reach a host (`ssh -G`), so that Include, Match, tokens and defaults mean what they mean to the operator. */

import { execFile } from 'node:child_process';
import { homedir, hostname, userInfo } from 'node:os';
import type { Host } from '../../domain/cluster/inventory.js';
import { fail } from '../../domain/errors.js';

/** One machine on the way to a node, and everything that is needed to connect to it. */
export interface Hop {
  /** As the operator names it: for messages. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** Socket of the agent; undefined: none. */
  readonly agentSocket?: string;
  readonly knownHostsFiles: readonly string[];
  readonly hostKeyAlias?: string;
  /** Milliseconds, where ConnectTimeout is set. */
  readonly connectTimeoutMs?: number;
}

export interface ResolveOptions {
  readonly sshConfigFile?: string;
  /** Instead of those of the configuration. */
  readonly knownHostsFiles?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  log(line: string): void;
}

interface Wanted {
  readonly name: string;
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  readonly configFile?: string;
}

// A chain is as long as its jump hosts' own ProxyJump make it; a `Host *` with a ProxyJump would go on for ever.
const longestChain = 8;

/**
 * The hops to a host in the order in which they are connected, the host itself last. Throws ssh-config-invalid.
 * Without an ssh program nothing of a configuration file is read: the fields of the inventory, the agent and ~/.ssh alone count.
 */
export async function resolveRoute(host: Host, options: ResolveOptions): Promise<Hop[]> {
  const configFile = host.sshConfigFile ?? options.sshConfigFile;
  return route(
    {
      name: host.name,
      host: host.sshHost,
      ...(host.sshPort === undefined ? {} : { port: host.sshPort }),
      ...(host.sshUser === undefined ? {} : { user: host.sshUser }),
      ...(configFile === undefined ? {} : { configFile }),
    },
    options,
    0,
  );
}

async function route(wanted: Wanted, options: ResolveOptions, depth: number): Promise<Hop[]> {
  if (depth > longestChain) {
    return fail('ssh-config-invalid', {
      target: wanted.name,
      summary: `ProxyJump to "${wanted.host}" does not end`,
      cause: `more than ${longestChain} jump hosts, one behind the other`,
      nextAction: `Run "ssh -G ${wanted.host}", and set "ProxyJump none" for the first jump host`,
    });
  }
  const settings = await askSsh(wanted, options);
  if (settings === undefined) {
    return [hopWithoutSsh(wanted, options)];
  }
  const one = (key: string): string | undefined => settings.get(key)?.[0];
  if ((one('proxycommand') ?? 'none') !== 'none') {
    return fail('ssh-config-invalid', {
      target: wanted.name,
      summary: `ProxyCommand is set for "${wanted.host}"`,
      cause: 'rotate-ca opens its connections itself and runs no proxy commands',
      nextAction: `Use "ProxyJump" for "${wanted.host}" in the SSH configuration (see "ssh -G ${wanted.host}")`,
    });
  }
  if (one('stricthostkeychecking') === 'false' || one('stricthostkeychecking') === 'no' || one('stricthostkeychecking') === 'off') {
    options.log(`${wanted.name}: StrictHostKeyChecking is off in the SSH configuration; rotate-ca checks host keys all the same`);
  }
  const before: Hop[] = [];
  const jumps = (one('proxyjump') ?? 'none') === 'none' ? [] : (one('proxyjump') ?? '').split(',');
  for (const [index, jump] of jumps.entries()) {
    const hops = await route(parseJump(jump, wanted), options, depth + 1);
    // As for ssh: only the first jump host's own ProxyJump counts, the others are reached through the one before.
    before.push(...(index === 0 ? hops : hops.slice(-1)));
  }
  return [...before, hopOf(wanted, settings, options)];
}

function hopOf(wanted: Wanted, settings: ReadonlyMap<string, readonly string[]>, options: ResolveOptions): Hop {
  const one = (key: string): string | undefined => settings.get(key)?.[0];
  const host = one('hostname') ?? wanted.host;
  const port = Number(one('port') ?? wanted.port ?? 22);
  const user = one('user') ?? wanted.user ?? userInfo().username;
  const path = (text: string): string => expandPath(text, { host, port, user, original: wanted.host, env: options.env });
  // ssh -G prints the files of one setting in a row and without quotes: each begins with a slash or a tilde.
  const files = (key: string): string[] =>
    (settings.get(key) ?? [])
      .flatMap((v) => v.split(/\s+(?=[/~])/))
      .filter((v) => v !== '' && v !== 'none')
      .map(path);
  const agent = one('identityagent') ?? 'SSH_AUTH_SOCK';
  const agentSocket =
    agent === 'none' ? undefined : agent === 'SSH_AUTH_SOCK' ? options.env.SSH_AUTH_SOCK : agent.startsWith('$') ? options.env[agent.replace(/^\$\{?|\}$/g, '')] : path(agent);
  const alias = one('hostkeyalias');
  const timeout = Number(one('connecttimeout'));
  return {
    name: wanted.name,
    host,
    port,
    user,
    identityFiles: (settings.get('identityfile') ?? []).filter((f) => f !== 'none').map(path),
    identitiesOnly: one('identitiesonly') === 'yes',
    ...(agentSocket === undefined || agentSocket === '' ? {} : { agentSocket }),
    knownHostsFiles: options.knownHostsFiles ?? [...files('userknownhostsfile'), ...files('globalknownhostsfile')],
    ...(alias === undefined ? {} : { hostKeyAlias: alias }),
    ...(timeout > 0 ? { connectTimeoutMs: timeout * 1000 } : {}),
  };
}

function hopWithoutSsh(wanted: Wanted, options: ResolveOptions): Hop {
  if (wanted.configFile !== undefined) {
    return fail('ssh-config-invalid', {
      target: wanted.name,
      summary: `The SSH configuration ${wanted.configFile} cannot be read`,
      cause: 'there is no ssh program in PATH, and only that understands it',
      nextAction: 'Install the OpenSSH client, or give address, user and port in the inventory',
    });
  }
  options.log(`${wanted.name}: there is no ssh program in PATH, so no SSH configuration is read`);
  const home = options.env.HOME ?? homedir();
  const agent = options.env.SSH_AUTH_SOCK;
  return {
    name: wanted.name,
    host: wanted.host,
    port: wanted.port ?? 22,
    user: wanted.user ?? userInfo().username,
    identityFiles: ['id_rsa', 'id_ecdsa', 'id_ed25519'].map((f) => `${home}/.ssh/${f}`),
    identitiesOnly: false,
    ...(agent === undefined || agent === '' ? {} : { agentSocket: agent }),
    knownHostsFiles: options.knownHostsFiles ?? [`${home}/.ssh/known_hosts`, `${home}/.ssh/known_hosts2`, '/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
  };
}

/** `[user@]host[:port]`, `[user@][v6]:port`, or the same as an ssh:// URL. */
export function parseJump(text: string, from: { readonly name: string; readonly configFile?: string }): Wanted {
  const match = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?\/?$/.exec(text.trim());
  const host = match?.[2] ?? match?.[3];
  if (match === null || host === undefined) {
    return fail('ssh-config-invalid', {
      target: from.name,
      summary: `ProxyJump "${text}" is not of the form user@host:port`,
      nextAction: 'Correct ProxyJump in the SSH configuration',
    });
  }
  return {
    name: host,
    host,
    ...(match[1] === undefined ? {} : { user: match[1] }),
    ...(match[4] === undefined ? {} : { port: Number(match[4]) }),
    ...(from.configFile === undefined ? {} : { configFile: from.configFile }),
  };
}

async function askSsh(wanted: Wanted, options: ResolveOptions): Promise<Map<string, string[]> | undefined> {
  const args = [
    '-G',
    ...(wanted.configFile === undefined ? [] : ['-F', wanted.configFile]),
    ...(wanted.user === undefined ? [] : ['-l', wanted.user]),
    ...(wanted.port === undefined ? [] : ['-p', String(wanted.port)]),
    '--',
    wanted.host,
  ];
  const { error, stdout, stderr } = await new Promise<{ error: (Error & { code?: unknown }) | null; stdout: string; stderr: string }>((resolve) => {
    execFile('ssh', args, { env: options.env, timeout: 10_000 }, (error, stdout, stderr) => resolve({ error, stdout, stderr }));
  });
  if (error?.code === 'ENOENT') {
    return undefined;
  }
  if (error !== null) {
    const why = stderr
      .split(/\r?\n/)
      .filter((l) => l !== '' && !l.startsWith('Pseudo-terminal'))
      .join('; ');
    return fail('ssh-config-invalid', {
      target: wanted.name,
      summary: `The SSH configuration for "${wanted.host}" cannot be resolved`,
      cause: why === '' ? error.message : why,
      nextAction: `Run "ssh ${args.join(' ')}" and correct what it complains about`,
    });
  }
  const settings = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) {
      const key = line.slice(0, space);
      settings.set(key, [...(settings.get(key) ?? []), line.slice(space + 1).trim()]);
    }
  }
  return settings;
}

// ssh -G leaves tildes and tokens of IdentityFile as they were written: ssh_config(5), TOKENS.
function expandPath(text: string, at: { host: string; port: number; user: string; original: string; env: NodeJS.ProcessEnv }): string {
  const home = at.env.HOME ?? homedir();
  const local = hostname();
  const tokens: Record<string, string> = {
    '%': '%',
    d: home,
    h: at.host,
    n: at.original,
    p: String(at.port),
    r: at.user,
    u: userInfo().username,
    i: String(userInfo().uid),
    l: local,
    L: local.split('.')[0] ?? local,
  };
  return text
    .replace(/^~(?=\/|$)/, home)
    .replace(/\$\{(\w+)\}/g, (_, name: string) => at.env[name] ?? '')
    .replace(/%(.)/g, (whole, token: string) => tokens[token] ?? whole);
}
