/** A TLS connection of a Go client to etcd: its pair is read at the handshake (HS), the server is judged by Go's rules and a pool of its start (R). */

import { connect, type TLSSocket } from 'node:tls';
import { type PairPem, presentedChain } from '../api/cert-files.js';
import { type CertPool, verifyChain, verifyHost } from '../api/verify-client.js';

export interface DialOptions {
  readonly address: string;
  readonly port: number;
  /** What the server's certificate must be for. */
  readonly host: string;
  readonly localAddress?: string;
  readonly pair?: () => PairPem;
  readonly pool: CertPool;
  readonly nowMs: () => number;
  readonly timeoutMs: number;
}

/** Resolves after the handshake; the server may still refuse our certificate then (TLS 1.3). Rejects in Go's words. */
export function dial(options: DialOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let socket: TLSSocket;
    try {
      const pair = options.pair?.();
      socket = connect({
        host: options.address,
        port: options.port,
        rejectUnauthorized: false,
        ca: [],
        ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
        ...(pair === undefined ? {} : { cert: pair.cert, key: pair.key }),
      });
    } catch (error) {
      reject(error);
      return;
    }
    const timer = setTimeout(() => fail('context deadline exceeded'), options.timeoutMs);
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(why));
    };
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(error.code === 'ECONNREFUSED' ? `dial tcp ${options.address}:${options.port}: connect: connection refused` : error.message),
    );
    socket.once('close', () => fail('EOF'));
    socket.once('secureConnect', () => {
      const chain = presentedChain(socket);
      const why =
        verifyChain(chain, { pool: options.pool, nowMs: options.nowMs(), usage: 'serverAuth' }) ?? (chain[0] === undefined ? undefined : verifyHost(chain[0], options.host));
      if (why !== undefined) {
        fail(`transport: authentication handshake failed: tls: failed to verify certificate: ${why}`);
        return;
      }
      clearTimeout(timer);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}
