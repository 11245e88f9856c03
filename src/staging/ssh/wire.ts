/** The line between a client and sshd, which can be cut after some bytes, or stand still and go on again. */

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export interface Wire {
  /** To be used in place of the socket. */
  readonly stream: Duplex;
  /** Nothing passes any more, in neither direction, until it is told again: as a process that was stopped. */
  hang(on: boolean): void;
  /** Cuts it as soon as so many more bytes were sent to the client; undefined: never. */
  cutAfter(bytes: number | undefined): void;
  destroy(): void;
}

export function makeWire(socket: Socket): Wire {
  let isHanging = false;
  let left = Number.POSITIVE_INFINITY;
  let waiting: (() => void)[] = [];

  function whenItMoves(act: () => void): void {
    if (isHanging) waiting.push(act);
    else act();
  }

  const stream: Duplex & { setNoDelay?: (on?: boolean) => void; remoteAddress?: string; remotePort?: number } = new Duplex({
    allowHalfOpen: false,
    read() {
      whenItMoves(() => socket.resume());
    },
    write(chunk: Buffer, _encoding, done) {
      whenItMoves(() => {
        if (socket.destroyed) return done();
        if (chunk.length >= left) {
          socket.write(chunk.subarray(0, left), () => socket.destroy());
          left = 0;
          return done();
        }
        left -= chunk.length;
        socket.write(chunk, () => done());
      });
    },
    final(done) {
      whenItMoves(() => {
        socket.end();
        done();
      });
    },
    destroy(_error, done) {
      socket.destroy();
      done(null);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    // What waits for the line to move must not wait for ever.
    isHanging = false;
    for (const act of waiting.splice(0)) act();
    stream.destroy();
  });
  socket.setNoDelay(true);
  stream.setNoDelay = (on) => void socket.setNoDelay(on);
  if (socket.remoteAddress !== undefined) stream.remoteAddress = socket.remoteAddress;
  if (socket.remotePort !== undefined) stream.remotePort = socket.remotePort;

  return {
    stream,
    hang(on) {
      if (on === isHanging) return;
      isHanging = on;
      if (on) {
        socket.pause();
        return;
      }
      const acts = waiting;
      waiting = [];
      for (const act of acts) act();
      if (!stream.readableFlowing) stream.read(0);
      socket.resume();
    },
    cutAfter(bytes) {
      left = bytes ?? Number.POSITIVE_INFINITY;
      if (left <= 0) socket.destroy();
    },
    destroy: () => socket.destroy(),
  };
}
