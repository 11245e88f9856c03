/** How long a run pauses between two looks and between two tries. In a rehearsal the cluster is faster than a real one, and its pauses are as much shorter; deadlines stay. */

/** How many times as fast as usual: 1 for a real cluster. */
export type Pace = number;

/** A look costs real processor time, however fast time passes. */
const shortestPauseMs = 50;

/** Never longer than the usual pause. */
export function pauseAt(pace: Pace, usualMs: number): number {
  return Math.min(usualMs, Math.max(usualMs / pace, shortestPauseMs));
}
