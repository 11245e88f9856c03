/** Who listens on a block of loopback addresses: tests of other files have clusters at the same time, maybe on the same block. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Listener {
  /** As in `127.77.0.1:6443`. */
  readonly at: string;
  readonly pid: number;
}

/** Listeners in these blocks (second octet) that a living process has; one that ends while it is looked at has none. */
export function listenersIn(blocks: ReadonlySet<string>): Listener[] {
  if (blocks.size === 0) return [];
  // In /proc/net/tcp: address in hexadecimal, the bytes the other way round; state 0A is LISTEN; the tenth field is the socket.
  const places = new Map<string, string>(
    readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, address = '', port = '', state, socket = ''] = /^\s*\d+: ([0-9A-F]{8}):([0-9A-F]{4}) \S+ ([0-9A-F]{2})(?: +\S+){5} +(\d+)/.exec(line) ?? [];
        const bytes = (address.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).reverse();
        const isOurs = state === '0A' && bytes[0] === 127 && blocks.has(String(bytes[1]));
        return isOurs ? [[`socket:[${socket}]`, `${bytes.join('.')}:${Number.parseInt(port, 16)}`] as const] : [];
      }),
  );
  if (places.size === 0) return [];
  return pids().flatMap((pid) => socketsOf(pid).flatMap((socket) => (places.has(socket) ? [{ at: places.get(socket) ?? '', pid }] : [])));
}

/** Whether the process, or one that has started it, is this one. */
export function isWithin(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; at = parentOf(at)) if (at === ancestor) return true;
  return false;
}

export function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Its surroundings at its start; empty if it has ended. */
export function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

function parentOf(pid: number): number {
  try {
    // The name, in brackets, may hold spaces and brackets itself.
    return Number(/.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}
