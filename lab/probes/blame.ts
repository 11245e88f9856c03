/** Whose fault a failed probe is: the cluster's, or that of a machine which at that moment could not have answered anybody. */

import type { Stall } from './machine.js';
import type { FailedProbe } from './raw-log.js';

export interface Blame {
  /** What a client would have felt of the rotation. */
  readonly cluster: readonly FailedProbe[];
  /** Ran into their deadline while the machine itself stood still for a good part of it. */
  readonly machine: readonly FailedProbe[];
}

/** A request of a second may wait so long for processor or disk, and the rest of its time is still plenty. */
const toleratedMs = 400;
const ranOut = /deadline exceeded|i\/o timeout|Timeout|timed out/;

/**
 * Only a deadline can be the machine's fault, and only if the control beside it (machine.ts) waited for more than 0.4 s within the
 * same second. A refused connection, a certificate that does not verify, an answer that is not 200 is always the cluster's.
 */
export function blame(failures: readonly FailedProbe[], stalls: readonly Stall[]): Blame {
  const isMachines = (probe: FailedProbe): boolean => probe.status === undefined && ranOut.test(probe.error) && stalls.some((stall) => overlapMs(stall, probe) > toleratedMs);
  return { cluster: failures.filter((probe) => !isMachines(probe)), machine: failures.filter(isMachines) };
}

function overlapMs(stall: Stall, probe: FailedProbe): number {
  return Math.min(stall.t + stall.ms, probe.t + probe.ms) - Math.max(stall.t, probe.t);
}
