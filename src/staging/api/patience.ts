/** Limits for work that this machine really does: handshakes are not faster because the clock is. */

import type { StagingClock } from '../clock.js';

/** Milliseconds of a real cluster that are at least so many of the wall. */
export function patience(clock: StagingClock, realMs: number, leastWallMs: number): number {
  return Math.max(realMs, leastWallMs * clock.speed);
}
