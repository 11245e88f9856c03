/** What the staging process and its script host say to each other: frames on one socket, each a head (what, which script, length) and a body. */

import type { Duplex } from 'node:stream';

/** To the host: `start` (a ScriptOrder), `input` (bytes), `inputEnd`, `signal` (its name). From it: `started` (pid), `stdout`, `stderr`, `calls` (bytes), `taken` (count of input bytes), `ended` (a ScriptEnd). */
const kinds = ['start', 'input', 'inputEnd', 'signal', 'started', 'stdout', 'stderr', 'calls', 'taken', 'ended'] as const;
export type FrameKind = (typeof kinds)[number];

export interface ScriptOrder {
  /** Of /bin/sh. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `error`: the code (E2BIG, EAGAIN, ENOENT) for which it could not be started. */
export type ScriptEnd = { readonly code: number | null; readonly signal: string | null } | { readonly error: string };

/** Input that is on its way to a script at most, and after how much of it the host says that it was taken. */
export const inputWindow = 256 * 1024;
export const inputStep = 64 * 1024;

const headLength = 9;

/** Returns whether more may be written now. */
export function writeFrame(link: Duplex, kind: FrameKind, script: number, body: Uint8Array | string = ''): boolean {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const head = Buffer.allocUnsafe(headLength);
  head.writeUInt8(kinds.indexOf(kind), 0);
  head.writeUInt32LE(script, 1);
  head.writeUInt32LE(bytes.length, 5);
  if (bytes.length === 0) return link.write(head);
  link.cork();
  link.write(head);
  const isTaken = link.write(bytes);
  link.uncork();
  return isTaken;
}

/** Takes what comes in pieces of any size. A body that came whole is a view into its piece. */
export function frameReader(onFrame: (kind: FrameKind, script: number, body: Buffer) => void): (piece: Buffer) => void {
  let waiting: Buffer[] = [];
  let length = 0;
  let wanted = headLength;
  return (piece) => {
    waiting.push(piece);
    length += piece.length;
    if (length < wanted) return;
    const bytes = waiting.length === 1 ? piece : Buffer.concat(waiting, length);
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      wanted = left < headLength ? headLength : headLength + bytes.readUInt32LE(at + 5);
      if (left < wanted) break;
      const kind = kinds[bytes.readUInt8(at)];
      if (kind === undefined) throw new Error('the script host and the staging process do not understand each other');
      onFrame(kind, bytes.readUInt32LE(at + 1), bytes.subarray(at + headLength, at + wanted));
      at += wanted;
    }
    waiting = at === bytes.length ? [] : [bytes.subarray(at)];
    length = bytes.length - at;
  };
}
