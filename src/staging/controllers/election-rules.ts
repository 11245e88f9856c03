/** Leader election by a Lease: who may take it, and what is written (client-go tools/leaderelection). */

import { timings } from '../timings.js';

/** spec of a coordination.k8s.io/v1 Lease. */
export interface LeaseRecord {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** What one candidate has seen of the lease: it trusts no clock but its own. */
export interface Observed {
  readonly record: LeaseRecord;
  /** When, by its own clock, and in how many of its looks since, the record has been this one. */
  readonly sinceMs: number;
  readonly looks: number;
}

/** leaderelection.go JitterFactor: a standby waits up to so many retry periods more. */
export const leaseJitter = 1.2;

/** RFC 3339 with microseconds, as metav1.MicroTime marshals. */
export function microTime(atMs: number): string {
  return new Date(atMs).toISOString().replace(/(\.\d{3})Z$/, '$1000Z');
}

export function observe(before: Observed | undefined, record: LeaseRecord, nowMs: number): Observed {
  if (before !== undefined && JSON.stringify(before.record) === JSON.stringify(record)) return { ...before, looks: before.looks + 1 };
  return { record, sinceMs: nowMs, looks: 1 };
}

/**
 * A lease that nobody holds is taken at once, that of another when it has not been renewed for its duration since it was last seen to
 * change (leaderelection.go tryAcquireOrRenew, isLeaseValid). Looks count beside the time: when the machine stood still, nobody could renew.
 */
export function mayTake(observed: Observed | undefined, identity: string, nowMs: number, speed: number): boolean {
  if (observed === undefined) return true;
  const { holderIdentity = '', leaseDurationSeconds = timings.leaseDurationSeconds } = observed.record;
  if (holderIdentity === '' || holderIdentity === identity) return true;
  const looksOfItsDuration = Math.floor((leaseDurationSeconds * 1000) / (timings.leaseRetryMs * (1 + leaseJitter)));
  return nowMs >= observed.sinceMs + (leaseDurationSeconds * 1000) / speed && observed.looks >= Math.max(2, looksOfItsDuration);
}

/** The record that this candidate writes, as holder. */
export function taken(before: LeaseRecord | undefined, identity: string, nowMs: number): LeaseRecord {
  const isMine = before?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: timings.leaseDurationSeconds,
    acquireTime: isMine && before.acquireTime !== undefined ? before.acquireTime : microTime(nowMs),
    renewTime: microTime(nowMs),
    // The first creation counts none; a change of holder, also from nobody, counts one.
    leaseTransitions: before === undefined ? 0 : (before.leaseTransitions ?? 0) + (isMine ? 0 : 1),
  };
}

/** Failed renewals after which the lease counts as lost, beside the time: as many as fit into the deadline. */
export const renewalsBeforeLoss = Math.floor(timings.leaseRenewDeadlineMs / timings.leaseRetryMs);
