/** The API server as a client of kubelets: client pair from files (P5), serving certificates unverified unless a CA is given (R). */

import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { StagingClock } from '../clock.js';
import { timings } from '../timings.js';
import { type PairPem, presentedChain } from './cert-files.js';
import { type CertPool, verifyChain, verifyHost } from './verify-client.js';
import { dialError } from './dial-error.js';

export interface KubeletAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly stream: IncomingMessage;
}

export interface KubeletAccess {
  /** Throws an Error with Go's words, `Get "URL": ...`, if there is no answer. */
  request(method: string, host: string, port: number, path: string, body?: string): Promise<KubeletAnswer>;
  stop(): void;
}

export interface KubeletAccessOptions {
  readonly clock: StagingClock;
  /** Reads the pair as it is on the disk now. */
  readonly pair: () => PairPem;
  readonly pool: CertPool | undefined;
  readonly nowMs: () => number;
  readonly localAddress: string;
}

/** client-go transport/transport.go cachingCertificateLoader. */
const pairCacheMs = 1_000;

export function kubeletAccess(options: KubeletAccessOptions): KubeletAccess {
  const { clock } = options;
  const sockets = new Set<Socket>();
  let cached: { readonly pair: PairPem; readonly until: number } | undefined;
  let last = options.pair();
  let agent = makeAgent();

  function pairForHandshake(): PairPem {
    if (cached !== undefined && cached.until > Date.now()) return cached.pair;
    const pair = options.pair();
    cached = { pair, until: Date.now() + pairCacheMs / clock.speed };
    return pair;
  }

  function makeAgent(): https.Agent {
    const made = new https.Agent({ keepAlive: true, maxCachedSessions: 0 });
    made.createConnection = (given) => {
      const { cert, key } = pairForHandshake();
      const socket = connect({ ...(given as ConnectionOptions), ca: [], rejectUnauthorized: false, cert, key });
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.once('close', () => sockets.delete(socket));
      socket.once('secureConnect', () => {
        const why = refusal(socket, given as { readonly host?: string });
        if (why !== undefined) socket.destroy(new Error(`tls: failed to verify certificate: ${why}`));
      });
      return socket;
    };
    return made;
  }

  function refusal(socket: TLSSocket, to: { readonly host?: string }): string | undefined {
    if (options.pool === undefined) return undefined;
    const chain = presentedChain(socket);
    const why = verifyChain(chain, { pool: options.pool, nowMs: options.nowMs(), usage: 'serverAuth' });
    return why ?? (chain[0] === undefined ? undefined : verifyHost(chain[0], to.host ?? ''));
  }

  function closeAll(): void {
    const outgoing = agent;
    agent = makeAgent();
    for (const socket of [...sockets]) socket.destroy();
    outgoing.destroy();
  }

  // client-go transport/cert_rotation.go: a change closes all connections of the transport.
  const offPoll = clock.every(timings.clientPairPollMs, () => {
    try {
      const pair = options.pair();
      if (pair.cert === last.cert && pair.key === last.key) return;
      last = pair;
      closeAll();
    } catch {
      // Unreadable: what was loaded stays.
    }
  });

  return {
    request(method, host, port, path, body) {
      const url = `https://${host}:${port}${path}`;
      const word = `${method[0] ?? ''}${method.slice(1).toLowerCase()}`;
      const once = (): Promise<KubeletAnswer> =>
        new Promise((resolve, reject) => {
          const sent = https.request(url, { method, agent, localAddress: options.localAddress, headers: body === undefined ? {} : { 'content-length': Buffer.byteLength(body) } });
          sent.on('error', (error: NodeJS.ErrnoException) => {
            // As Go's transport: a kept connection that the kubelet has closed is tried again on a new one.
            if (sent.reusedSocket && method === 'GET' && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) resolve(once());
            else reject(new Error(`${word} "${url}": ${dialError(error, new URL(url))}`));
          });
          sent.on('response', (stream) => resolve({ status: stream.statusCode ?? 0, contentType: stream.headers['content-type'] ?? 'text/plain', stream }));
          sent.end(body);
        });
      return once();
    },
    stop() {
      offPoll();
      for (const socket of [...sockets]) socket.destroy();
      agent.destroy();
    },
  };
}
