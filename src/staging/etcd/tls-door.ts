/** A TLS port of etcd: the pair is read again at every handshake (HS), the certificate of the other side is judged by Go's rules. */

import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { type PairPem, presentedChain } from '../api/cert-files.js';
import { type CertPool, verifyChain } from '../api/verify-client.js';
import type { Certificate } from '../../domain/pki/certificate.js';
import { listen } from '../listen.js';

export interface DoorOptions {
  readonly address: string;
  readonly port: number;
  /** Asked for each connection; what it throws ends the connection. */
  readonly pair: () => PairPem;
  /** What the other side must lead to; undefined: no certificate is asked for. */
  readonly pool: CertPool | undefined;
  readonly nowMs: () => number;
  /** A further demand on the other side; a text refuses it. */
  readonly alsoDemands?: (leaf: Certificate, socket: TLSSocket) => string | undefined;
  readonly onConnection: (socket: TLSSocket, chain: readonly Certificate[]) => void;
  /** A connection that was refused, with the remote address and why. */
  readonly onRejected: (remote: string, why: string) => void;
}

export interface Door {
  close(): Promise<void>;
}

/** Resolves when it listens. Rejects with `listen tcp ADDRESS:PORT: bind: ...`. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const sockets = new Set<Socket>();
  // Verified below and not by OpenSSL, whose rules differ; without a CA of its own it names none to clients.
  const tls = createTlsServer({ ca: [], requestCert: options.pool !== undefined, rejectUnauthorized: false });
  let loaded: PairPem | undefined;

  tls.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    const chain = options.pool === undefined ? [] : presentedChain(socket);
    const why = options.pool === undefined ? undefined : refusal(chain, options.pool, socket);
    if (why !== undefined) {
      options.onRejected(remoteOf(socket), why);
      socket.destroy();
      return;
    }
    options.onConnection(socket, chain);
  });
  tls.on('tlsClientError', (error, socket) => options.onRejected(remoteOf(socket), error.message));

  function refusal(chain: readonly Certificate[], pool: CertPool, socket: TLSSocket): string | undefined {
    const [leaf] = chain;
    if (leaf === undefined) return "tls: client didn't provide a certificate";
    const why = verifyChain(chain, { pool, nowMs: options.nowMs(), usage: 'clientAuth' });
    return why === undefined ? options.alsoDemands?.(leaf, socket) : `tls: failed to verify certificate: ${why}`;
  }

  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    try {
      const pair = options.pair();
      if (pair.cert !== loaded?.cert || pair.key !== loaded.key) tls.setSecureContext({ ca: [], cert: pair.cert, key: pair.key });
      loaded = pair;
    } catch (error) {
      options.onRejected(remoteOf(socket), error instanceof Error ? error.message : String(error));
      socket.destroy();
      return;
    }
    tls.emit('connection', socket);
  });
  await listen(tcp, options.port, options.address);
  return {
    close: () =>
      new Promise((resolve) => {
        tcp.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`;
}
