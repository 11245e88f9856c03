/** The lock that two machines can see: a Lease in the cluster itself, beside the file lock of this machine. */

import { hostname } from 'node:os';
import { fail, failuresOf } from '../domain/errors.js';
import type { Kube, KubeObject } from '../ports/kube.js';

const ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name: 'rotate-ca' } as const;
const durationSeconds = 60;
const renewEveryMs = 20_000;

export interface ClusterLease {
  /** Renews no more, and deletes the Lease if it is still ours. */
  release(): Promise<void>;
}

/**
 * Takes the Lease kube-system/rotate-ca. One that was renewed within its duration (and a minute for clocks that differ) belongs to
 * somebody alive: throws state-locked. `kube` is asked anew each time, because the way in changes in the course of a run.
 */
export async function takeClusterLease(kube: () => Kube, run: string): Promise<ClusterLease> {
  const holder = `${run}@${hostname()}:${process.pid}`;
  const before = await kube().read(ref);
  const spec = specOf(before);
  const renewedAgoMs = Date.now() - Date.parse(spec.renewTime ?? '1970-01-01T00:00:00Z');
  const sameMachine = spec.holderIdentity?.includes(`@${hostname()}:`) === true;
  if (before !== undefined && (spec.holderIdentity ?? '') !== '' && !sameMachine && renewedAgoMs < (durationSeconds + 60) * 1000) {
    fail('state-locked', {
      target: 'Lease kube-system/rotate-ca',
      summary: `another rotate-ca is at work on this cluster: ${spec.holderIdentity ?? ''}`,
      cause: `it renewed its lease ${Math.max(0, Math.round(renewedAgoMs / 1000))} s ago`,
      nextAction: 'Wait for it, or end it there. If it is gone for good: the lease is free two minutes after its last renewal.',
    });
  }
  const wanted = (object: KubeObject | undefined): KubeObject => ({
    ...(object ?? { apiVersion: ref.apiVersion, kind: ref.kind }),
    metadata: { ...(object?.metadata ?? { name: ref.name, namespace: ref.namespace }) },
    spec: { holderIdentity: holder, leaseDurationSeconds: durationSeconds, renewTime: microTime(Date.now()) },
  });
  if (before === undefined) await kube().create(wanted(undefined));
  else await kube().replace(wanted(before));

  async function renew(): Promise<void> {
    const now = await kube().read(ref);
    if (now === undefined || specOf(now).holderIdentity === holder) await (now === undefined ? kube().create(wanted(undefined)) : kube().replace(wanted(now)));
  }
  // A renewal that fails is made up for by the next one: the run itself finds out whether the API is away.
  const timer = setInterval(() => void renew().catch(ignoreExpected), renewEveryMs);
  return {
    async release() {
      clearInterval(timer);
      try {
        const now = await kube().read(ref, { deadlineMs: 5000 });
        if (specOf(now).holderIdentity === holder) await kube().remove(ref, { deadlineMs: 5000 });
      } catch (error) {
        ignoreExpected(error);
      }
    },
  };
}

function ignoreExpected(error: unknown): void {
  if (failuresOf(error) === undefined) throw error;
}

function specOf(object: KubeObject | undefined): { holderIdentity?: string; renewTime?: string } {
  return (object?.spec ?? {}) as { holderIdentity?: string; renewTime?: string };
}

/** metav1.MicroTime. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
