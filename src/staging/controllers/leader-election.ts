/** Takes part in the election of one component, and renews the lease while it leads. */

import { randomUUID } from 'node:crypto';
import type { StoredObject } from '../api/store.js';
import type { StagingClock } from '../clock.js';
import { leaseRetryMs, timings } from '../timings.js';
import { leaseJitter, type LeaseRecord, mayTake, type Observed, observe, renewalsBeforeLoss, taken } from './election-rules.js';
import { ApiRefusal, type KubeCalls } from './kube-calls.js';

export interface Election {
  readonly identity: string;
  readonly isLeading: boolean;
  stop(): void;
}

export interface ElectionOptions {
  readonly kube: KubeCalls;
  readonly clock: StagingClock;
  /** The clock of the node, Unix ms: what is written. */
  readonly now: () => number;
  readonly nodeName: string;
  /** Name of the Lease in kube-system. */
  readonly lease: string;
  readonly onLead: () => void;
  /** It could not renew in time: the process exits (k/k cmd/kube-controller-manager/app "leaderelection lost"). */
  readonly onLost: () => void;
  readonly log: (line: string) => void;
}

/** Runs until it is stopped or has lost the lease. It does not release on stop: kubeadm's components do not (ReleaseOnCancel is false). */
export function takePart(options: ElectionOptions): Election {
  const { kube, clock, now, lease, log } = options;
  const identity = `${options.nodeName}_${randomUUID()}`;
  const where = { namespace: 'kube-system', name: lease };
  let observed: Observed | undefined;
  let isLeading = false;
  let isStopped = false;
  let renewedAtMs = 0;
  let failed = 0;
  /** As it was written last, for the next renewal. */
  let held: StoredObject | undefined;

  /** True if it holds the lease now. */
  async function tryOnce(): Promise<boolean> {
    // leaderelection.go tryAcquireOrRenew, "fast path": a leader whose lease is valid writes what it wrote last, one request.
    if (isLeading && held !== undefined) {
      const mine = held;
      held = undefined;
      const renewed = await kube.replace('Lease', where, { ...mine, spec: taken(recordOf(mine), identity, now()) }).catch((error: unknown) => {
        if (!(error instanceof ApiRefusal)) throw error;
        log(`Failed to update lock optimistically: ${error.message}, falling back to slow path`);
      });
      if (renewed !== undefined) {
        held = renewed;
        return true;
      }
    }
    const object = await kube.get('Lease', where);
    if (object === undefined) {
      held = await kube.create('Lease', { namespace: 'kube-system' }, { metadata: { name: lease, namespace: 'kube-system' }, spec: taken(undefined, identity, now()) });
      return true;
    }
    const record = recordOf(object);
    observed = observe(observed, record, clock.now());
    if (!mayTake(observed, identity, clock.now(), clock.speed)) return false;
    held = await kube.replace('Lease', where, { ...object, spec: taken(record, identity, now()) });
    return true;
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      let isHeld = false;
      try {
        isHeld = await tryOnce();
      } catch (error) {
        const conflict = error instanceof ApiRefusal && error.status === 409;
        if (!conflict && !isStopped) log(`error retrieving resource lock kube-system/${lease}: ${error instanceof Error ? error.message : String(error)}`);
      }
      if (isStopped) return;
      if (isHeld) {
        renewedAtMs = clock.now();
        failed = 0;
        if (!isLeading) {
          isLeading = true;
          log(`successfully acquired lease kube-system/${lease}`);
          options.onLead();
        }
      } else if (isLeading) {
        failed++;
        const isLate = clock.now() - renewedAtMs >= timings.leaseRenewDeadlineMs / clock.speed;
        if (isLate && failed >= renewalsBeforeLoss) {
          isLeading = false;
          isStopped = true;
          log(`failed to renew lease kube-system/${lease}: context deadline exceeded`);
          log('leaderelection lost');
          options.onLost();
          return;
        }
      }
      // A leader renews at a fixed pace (renew: wait.PollUntil), a standby looks with jitter (acquire: wait.JitterUntil, JitterFactor 1.2).
      const retryMs = leaseRetryMs(clock.speed);
      await clock.wait(isLeading ? retryMs : retryMs * (1 + Math.random() * leaseJitter));
    }
  }

  void run();
  return {
    identity,
    get isLeading() {
      return isLeading;
    },
    stop() {
      isStopped = true;
      isLeading = false;
    },
  };
}

function recordOf(object: StoredObject): LeaseRecord {
  return (object.spec ?? {}) as LeaseRecord;
}
