/** What the client library of a pod has read of its mounted volume: the token again each minute, ca.crt once or, where it can, every five. */

import type { StagingClock } from '../clock.js';
import { timings } from '../timings.js';

export interface HeldFiles {
  readonly token: () => string;
  /** Another one than before only if the library follows the file. */
  readonly caPem: () => string;
  /** HTTP 401: the token is read again for the next request (client-go transport/token_source.go ResetTokenOlderThan). */
  readonly refused: () => void;
}

export interface HeldFilesOptions {
  readonly clock: StagingClock;
  /** A file of the volume as it is now; empty: there is none. */
  readonly read: (path: 'token' | 'ca.crt') => string;
  /** client-go from 1.35 on looks at its CA file before a request (transport/ca_rotation.go); older ones, Node and Python never do. */
  readonly followsCa: boolean;
  readonly onReload: (caPem: string) => void;
}

/** Reads both at once. */
export function heldFiles({ clock, read, followsCa, onReload }: HeldFilesOptions): HeldFiles {
  let token = { text: read('token'), atMs: clock.now() };
  let ca = { pem: read('ca.crt'), atMs: clock.now() };
  const isOlder = (atMs: number, realMs: number): boolean => (clock.now() - atMs) * clock.speed >= realMs;

  return {
    token() {
      // A file that cannot be read leaves the token of before.
      if (isOlder(token.atMs, timings.tokenFileMs)) token = { text: read('token') || token.text, atMs: clock.now() };
      return token.text;
    },
    caPem() {
      if (!followsCa || !isOlder(ca.atMs, timings.caFileMs)) return ca.pem;
      const pem = read('ca.crt') || ca.pem;
      if (pem !== ca.pem) onReload(pem);
      ca = { pem, atMs: clock.now() };
      return pem;
    },
    refused() {
      token = { ...token, atMs: Number.NEGATIVE_INFINITY };
    },
  };
}
