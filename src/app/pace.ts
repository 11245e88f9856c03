/** How long a run pauses between two looks and between two tries. In a rehearsal the cluster is faster than a real one, and its pauses are as much shorter; deadlines stay. */

/** How many times as fast as usual: 1 for a real cluster. */
export type Pace = number;

/** A look costs real processor time, however fast time passes. */
const shortestPauseMs = 50;

/** All nodes of a staging cluster share the processors of one machine: of so many nodes on, each looks at itself more rarely than its time is faster. */
const looksPerNodes = 400;

/** Pace of a rehearsal. */
export function paceOf(cluster: { readonly speed: number; readonly nodes: number }): Pace {
  return Math.max(1, Math.min(cluster.speed, looksPerNodes / cluster.nodes));
}

/** Never longer than the usual pause. */
export function pauseAt(pace: Pace, usualMs: number): number {
  return Math.min(usualMs, Math.max(usualMs / pace, shortestPauseMs));
}
