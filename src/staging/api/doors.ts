/** Where the API servers of this process listen, for who stands in front of them: a connection is handed on as it is, and no byte of it is copied. */

import type { Socket } from 'node:net';

const doors = new Map<string, (socket: Socket) => void>();

/** `accept` is given connections as if they had come to the address. Returns what closes the door. */
export function openDoorAt(address: string, port: number, accept: (socket: Socket) => void): () => void {
  const at = `${address}:${port}`;
  doors.set(at, accept);
  return () => {
    if (doors.get(at) === accept) doors.delete(at);
  };
}

/** undefined: nobody listens there; a connection would be refused. */
export function doorAt(address: string, port: number): ((socket: Socket) => void) | undefined {
  return doors.get(`${address}:${port}`);
}
