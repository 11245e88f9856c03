/** Which keys are offered to a host, in which order: those of the agent, then unencrypted key files. */

import { readFileSync } from 'node:fs';
import ssh2, { type AnyAuthMethod, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';
import type { Hop } from './resolve-host.js';

export interface Credentials {
  readonly methods: readonly AnyAuthMethod[];
  /** One line for each key that is offered, and for each that cannot be: for the failure. */
  readonly offered: readonly string[];
  /** Encrypted key files that no agent holds. */
  readonly encrypted: readonly string[];
}

interface KeyFile {
  readonly path: string;
  readonly state: 'usable' | 'encrypted' | 'public-only' | 'unusable';
  readonly key?: ParsedKey;
  /** Public key in wire format, if it can be told. */
  readonly blob?: Buffer;
}

/** Reads key files and asks the agent. Keys of the agent that are also named by IdentityFile come first, because sshd ends after MaxAuthTries (6). */
export async function gatherCredentials(hop: Hop): Promise<Credentials> {
  const files = hop.identityFiles.flatMap(readKeyFile);
  const { keys: inAgent, note } = await keysInAgent(hop.agentSocket);
  const isNamed = (key: ParsedKey): boolean => files.some((f) => f.blob?.equals(key.getPublicSSH()));
  const fromAgent = hop.identitiesOnly ? inAgent.filter(isNamed) : [...inAgent.filter(isNamed), ...inAgent.filter((k) => !isNamed(k))];
  const holds = (file: KeyFile): boolean => fromAgent.some((k) => file.blob?.equals(k.getPublicSSH()));
  const left = files.filter((f) => !holds(f));
  const usable = left.filter((f) => f.state === 'usable');
  const encrypted = left.filter((f) => f.state === 'encrypted').map((f) => f.path);
  const methods: AnyAuthMethod[] = [];
  if (hop.agentSocket !== undefined && fromAgent.length > 0) {
    methods.push({ type: 'agent', username: hop.user, agent: new ChosenKeysAgent(hop.agentSocket, fromAgent) });
  }
  for (const file of usable) {
    if (file.key !== undefined) {
      methods.push({ type: 'publickey', username: hop.user, key: file.key });
    }
  }
  return {
    methods,
    offered: [
      note ?? `${fromAgent.length} of ${inAgent.length} keys of the agent`,
      ...usable.map((f) => f.path),
      ...encrypted.map((f) => `${f} is encrypted and not in the agent`),
      ...left.filter((f) => f.state === 'unusable').map((f) => `${f.path} cannot be used as a private key`),
    ],
    encrypted,
  };
}

/** The agent, but only with the keys that were chosen: ssh2 knows no IdentitiesOnly. */
class ChosenKeysAgent extends ssh2.BaseAgent {
  readonly #agent: InstanceType<typeof ssh2.BaseAgent>;
  readonly #keys: ParsedKey[];

  constructor(socket: string, keys: ParsedKey[]) {
    super();
    this.#agent = ssh2.createAgent(socket);
    this.#keys = keys;
  }

  override getIdentities(callback: (error?: Error | null, keys?: ParsedKey[]) => void): void {
    callback(null, this.#keys);
  }

  override sign(key: ParsedKey | Buffer | string, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
    if (typeof options === 'function') {
      this.#agent.sign(key, data, options);
    } else {
      this.#agent.sign(key, data, options, callback);
    }
  }
}

async function keysInAgent(socket: string | undefined): Promise<{ keys: ParsedKey[]; note?: string }> {
  if (socket === undefined) {
    return { keys: [], note: 'no agent (SSH_AUTH_SOCK is not set)' };
  }
  return new Promise((resolve) => {
    const giveUp = setTimeout(() => resolve({ keys: [], note: `the agent at ${socket} does not answer` }), 5_000);
    ssh2.createAgent(socket).getIdentities((error, keys) => {
      clearTimeout(giveUp);
      resolve(error || keys === undefined ? { keys: [], note: `the agent at ${socket} cannot be asked` } : { keys: keys as ParsedKey[] });
    });
  });
}

function readKeyFile(path: string): KeyFile[] {
  const publicBlob = blobIn(`${path}.pub`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // A missing private key with its public half beside it names a key of the agent; ssh passes over files that are not there.
    return publicBlob === undefined ? [] : [{ path, state: 'public-only', blob: publicBlob }];
  }
  const parsed = parse(text);
  if (parsed instanceof Error) {
    const isEncrypted = /encrypted|passphrase/i.test(parsed.message);
    return [{ path, state: isEncrypted ? 'encrypted' : 'unusable', ...(publicBlob === undefined ? {} : { blob: publicBlob }) }];
  }
  const blob = parsed.getPublicSSH();
  return parsed.isPrivateKey() ? [{ path, state: 'usable', key: parsed, blob }] : [{ path, state: 'public-only', blob }];
}

function blobIn(path: string): Buffer | undefined {
  try {
    const parsed = parse(readFileSync(path, 'utf8'));
    return parsed instanceof Error ? undefined : parsed.getPublicSSH();
  } catch {
    return undefined;
  }
}

function parse(text: string): ParsedKey | Error {
  const parsed: ParsedKey | Error | (ParsedKey | Error)[] = ssh2.utils.parseKey(text);
  const first = Array.isArray(parsed) ? parsed[0] : parsed;
  return first ?? new Error('no key');
}
