/** How an API server is bound to its etcd member: one kept connection over mutual TLS, made again whenever it ends. */

import type { TLSSocket } from 'node:tls';
import type { PairPem } from '../api/cert-files.js';
import type { CertPool } from '../api/verify-client.js';
import type { StagingClock } from '../clock.js';
import { dial } from './tls-dial.js';
import type { MemberState } from './etcd-cluster.js';

export interface MemberConnection {
  /** Is the member connected, and does it have a quorum? */
  readonly healthy: boolean;
  /** In the words of the client or the member, while it is not healthy. */
  readonly why: string;
  /** Resolves true when it is healthy, false after so many ms of a real cluster. */
  wait(realMs: number): Promise<boolean>;
  stop(): void;
}

export interface MemberConnectionOptions {
  readonly clock: StagingClock;
  readonly address: string;
  readonly port: number;
  /** Host of --etcd-servers: what the member's certificate must be for. */
  readonly host: string;
  readonly localAddress: string;
  readonly pair: () => PairPem;
  readonly pool: CertPool;
  readonly nowMs: () => number;
  readonly onHealthy: () => void;
  readonly log: (line: string) => void;
}

/** etcd client/v3: back-off of 1 s base. */
const redialMs = 1_000;
/** Of the wall: a handshake is work of this machine. */
const dialTimeoutMs = 5_000;

export function connectMember(options: MemberConnectionOptions): MemberConnection {
  const ending = new AbortController();
  const waiting = new Set<() => void>();
  let current: TLSSocket | undefined;
  let state: MemberState | undefined;
  let why = 'context deadline exceeded';

  function take(next: MemberState | undefined): void {
    const before = state?.quorum === true;
    state = next;
    if (next?.quorum === false) why = 'etcdserver: request timed out';
    if (before || next?.quorum !== true) return;
    options.onHealthy();
    for (const wake of [...waiting]) wake();
  }

  function follow(socket: TLSSocket): Promise<void> {
    current = socket;
    return new Promise((resolve) => {
      let text = '';
      let heard = false;
      socket.on('data', (chunk) => {
        heard = true;
        const lines = (text + chunk.toString('utf8')).split('\n');
        text = lines.pop() ?? '';
        const last = lines.pop();
        if (last !== undefined) take(JSON.parse(last) as MemberState);
      });
      socket.on('close', () => {
        current = undefined;
        why = heard ? 'error reading from server: EOF' : 'remote error: tls: unknown certificate authority';
        if (!heard) options.log(dialFailed(options, why));
        take(undefined);
        resolve();
      });
    });
  }

  async function run(): Promise<void> {
    while (!ending.signal.aborted) {
      try {
        const socket = await dial({ ...options, timeoutMs: dialTimeoutMs });
        if (ending.signal.aborted) socket.destroy();
        else await follow(socket);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (text !== why) options.log(dialFailed(options, text));
        why = text;
      }
      if (!ending.signal.aborted) await options.clock.wait(redialMs, ending.signal);
    }
  }

  void run();
  return {
    get healthy() {
      return state?.quorum === true;
    },
    get why() {
      return why;
    },
    wait(realMs) {
      if (state?.quorum === true) return Promise.resolve(true);
      return new Promise((resolve) => {
        const end = (outcome: boolean): void => {
          cancel();
          waiting.delete(wake);
          ending.signal.removeEventListener('abort', stop);
          resolve(outcome);
        };
        const wake = (): void => end(true);
        const stop = (): void => end(false);
        const cancel = options.clock.after(realMs, stop);
        waiting.add(wake);
        ending.signal.addEventListener('abort', stop, { once: true });
      });
    },
    stop() {
      ending.abort();
      current?.destroy();
    },
  };
}

function dialFailed(options: MemberConnectionOptions, why: string): string {
  const target = `${options.host}:${options.port}`;
  return `grpc: addrConn.createTransport failed to connect to {Addr: "${target}", ServerName: "${target}", }. Err: connection error: desc = "${why}"`;
}
