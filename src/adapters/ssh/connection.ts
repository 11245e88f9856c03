/** One authenticated SSH connection to one hop: verified host key, keepalive, and a way to tell why it could not be made. */

import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import pLimit, { type LimitFunction } from 'p-limit';
import { type Failure, failure, RotationError } from '../../domain/errors.js';
import { gatherCredentials, type Credentials } from './credentials.js';
import { hostKeyAlgorithms, refusalOf } from './host-key.js';
import { readKnownHosts } from './known-hosts.js';
import type { Hop } from './resolve-host.js';

export interface Connection {
  readonly client: Client;
  readonly hop: Hop;
  /** sshd allows 10 sessions a connection (MaxSessions) and refuses more: 8 leave room for the operator's own. */
  readonly channels: LimitFunction;
  isAlive(): boolean;
  /** Why it was lost, as far as known. */
  lossReason(): string;
  /** Calls back once, at once if it is lost already. Returns what takes the listener away. */
  onLost(listener: () => void): () => void;
  end(): void;
}

const channelsPerConnection = 8;
const defaultReadyTimeoutMs = 20_000;

/** Connects and authenticates. `through` is a stream from the jump host before; the signal ends the attempt. Throws ssh-unreachable, ssh-auth-failed, ssh-host-key-unknown, ssh-host-key-changed. */
export async function connectTo(hop: Hop, options: { readonly through?: Duplex; readonly isBehind?: string; readonly signal: AbortSignal }): Promise<Connection> {
  const credentials = await gatherCredentials(hop);
  const known = readKnownHosts(hop.knownHostsFiles);
  const client = new ssh2.Client();
  const seen: Seen = { handshake: false };
  const methods = [...credentials.methods];
  const config: ConnectConfig = {
    host: hop.host,
    port: hop.port,
    username: hop.user,
    ...(options.through === undefined ? {} : { sock: options.through as NonNullable<ConnectConfig['sock']> }),
    algorithms: { serverHostKey: hostKeyAlgorithms(known, hop) },
    hostVerifier: (key: Buffer) => {
      seen.refusal = refusalOf(known, hop, key);
      return seen.refusal === undefined;
    },
    authHandler: (_left, _partial, next) => {
      // ssh2 takes `false` for "no more"; its types do not say so.
      next(methods.shift() ?? (false as unknown as 'none'));
    },
    keepaliveInterval: 15_000,
    keepaliveCountMax: 3,
    readyTimeout: hop.connectTimeoutMs ?? defaultReadyTimeoutMs,
  };
  const lost = new Set<() => void>();
  let isAlive = false;
  let isClosed = false;
  let reason = 'the connection was closed';
  client.on('handshake', () => {
    seen.handshake = true;
  });
  // Always there: an 'error' without a listener would end the process.
  client.on('error', (error) => {
    reason = error.message;
  });
  // Between 'end' and 'close' nothing can be sent any more: the next use must not meet this connection.
  client.on('end', () => {
    isAlive = false;
  });
  client.on('close', () => {
    isAlive = false;
    isClosed = true;
    for (const listener of lost) {
      listener();
    }
    lost.clear();
  });
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error & { level?: string; code?: string }): void => {
      // A key that the agent will not sign with is not the end: the next one is tried.
      if (error.level === 'agent') {
        return;
      }
      client.destroy();
      reject(new RotationError(explain(error, hop, { seen, credentials, ...options }), { cause: error }));
    };
    client.on('error', refuse);
    const giveUp = (): void => refuse(new Error('rotate-ca is about to end'));
    options.signal.addEventListener('abort', giveUp, { once: true });
    client.once('close', () => {
      options.signal.removeEventListener('abort', giveUp);
      refuse(new Error('the host closed the connection'));
    });
    client.once('ready', () => {
      options.signal.removeEventListener('abort', giveUp);
      client.off('error', refuse);
      isAlive = true;
      client.setNoDelay(true);
      resolve();
    });
    client.connect(config);
    if (options.signal.aborted) {
      giveUp();
    }
  });
  return {
    client,
    hop,
    channels: pLimit(channelsPerConnection),
    isAlive: () => isAlive,
    lossReason: () => reason,
    onLost: (listener) => {
      if (isClosed) {
        listener();
      } else {
        lost.add(listener);
      }
      return () => void lost.delete(listener);
    },
    end: () => {
      isAlive = false;
      client.end();
    },
  };
}

interface Seen {
  handshake: boolean;
  refusal?: Failure | undefined;
}

function explain(error: Error & { level?: string; code?: string }, hop: Hop, about: { seen: Seen; credentials: Credentials; isBehind?: string }): Failure {
  if (about.seen.refusal !== undefined) {
    return about.seen.refusal;
  }
  const login = `${hop.user}@${hop.host}${hop.port === 22 ? '' : `:${hop.port}`}`;
  const command = `ssh -v ${hop.port === 22 ? '' : `-p ${hop.port} `}${hop.user}@${hop.host}`;
  if (error.level === 'client-authentication' || (about.seen.handshake && error.level !== 'client-timeout')) {
    const first = about.credentials.encrypted[0];
    return failure('ssh-auth-failed', {
      target: hop.name,
      summary: `${login} accepts none of our keys`,
      cause: `offered: ${about.credentials.offered.join('; ')}`,
      nextAction: first === undefined ? `Try "${command}"; put the right key into the agent or name it as IdentityFile` : `Run "ssh-add ${first}"`,
    });
  }
  return failure('ssh-unreachable', {
    target: hop.name,
    summary: `No SSH connection to ${login}${about.isBehind === undefined ? '' : ` through ${about.isBehind}`}`,
    cause: error.level === 'client-timeout' ? 'no answer in time' : error.message,
    nextAction: `Try "${command}"`,
    retryable: true,
  });
}
