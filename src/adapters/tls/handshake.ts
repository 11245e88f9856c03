/** One TLS handshake on a new connection. */

import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { TimedOut } from './probe-error.js';

const goodbyeMs = 1_000;

/**
 * Connects, gives the socket to `look`, closes. Rejects with Node's error, TimedOut, or the signal's reason.
 * With TLS 1.3 a server that refuses our certificate says so only after this: a finished handshake proves the server, not us.
 */
export function handshake<T>(options: ConnectionOptions, limits: { deadlineMs: number; signal?: AbortSignal }, look: (socket: TLSSocket) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    if (limits.signal?.aborted) {
      reject(limits.signal.reason);
      return;
    }
    let socket: TLSSocket;
    try {
      socket = connect(options);
    } catch (error) {
      // A PEM or a key that OpenSSL cannot read.
      reject(error);
      return;
    }
    function forget(): void {
      clearTimeout(timer);
      limits.signal?.removeEventListener('abort', onAbort);
    }
    function end(finish: () => void): void {
      forget();
      socket.destroy();
      finish();
    }
    const timer = setTimeout(() => end(() => reject(new TimedOut(limits.deadlineMs))), limits.deadlineMs);
    const onAbort = (): void => end(() => reject(limits.signal?.reason));
    limits.signal?.addEventListener('abort', onAbort, { once: true });
    // Stays attached: a socket may report an error after it was destroyed.
    socket.on('error', (error) => end(() => reject(error)));
    socket.once('secureConnect', () => {
      const seen = look(socket);
      // A word of goodbye: cut off at once, the server would log a handshake error for each probe.
      socket
        .resume()
        .setTimeout(goodbyeMs, () => socket.destroy())
        .end();
      socket.unref();
      forget();
      resolve(seen);
    });
    socket.once('close', () => end(() => reject(Object.assign(new Error('the connection was closed in the handshake'), { code: 'ECONNRESET' }))));
  });
}
