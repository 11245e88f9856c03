/** Listens on an address of a node, or says in Go's words why not. */

import type { Server } from 'node:net';

/** Resolves when it listens. Rejects with `listen tcp ADDRESS:PORT: bind: ...`. */
export function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'address already in use' : error.code === 'EADDRNOTAVAIL' ? 'cannot assign requested address' : error.message;
      reject(new Error(`listen tcp ${address}:${port}: bind: ${why}`));
    });
    server.listen(port, address, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}
