/** Side doors of API servers, for the load balancer that runs in a thread of its own. */

import { createServer, type Socket } from 'node:net';

/** libuv accepts one connection of a listener in each turn of the event loop (since 1.46), and with hundreds of nodes a turn is long: more doors let in more. */
const doorsOfAServer = 4;

/** Names of abstract sockets, which only Linux has; elsewhere there is none, and the port alone is the way in. */
export function doorsOf(address: string): readonly string[] {
  if (process.platform !== 'linux') return [];
  return Array.from({ length: doorsOfAServer }, (_, n) => `\0rotate-ca-staging ${process.pid} ${address} ${n}`);
}

/** `accept` is given connections as if they had come to the port. Returns what closes the doors. */
export function openDoors(address: string, accept: (socket: Socket) => void): () => void {
  const servers = doorsOf(address).map((path) => {
    const server = createServer(accept);
    // Without its side doors a server still has its port.
    server.on('error', () => undefined);
    return server.listen(path);
  });
  return () => {
    for (const server of servers) server.close();
  };
}
