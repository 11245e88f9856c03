/** Events of the cluster that say that a pod was driven out of its node. */

import type { Lab } from '../lab.js';
import { getJson } from '../workloads/kube-objects.js';

interface EventList {
  readonly items: readonly {
    readonly reason?: string;
    readonly message?: string;
    readonly lastTimestamp?: string | null;
    readonly eventTime?: string | null;
    readonly involvedObject: { readonly kind: string; readonly namespace?: string; readonly name: string };
  }[];
}

const reasons = new Set(['Evicted', 'TaintManagerEviction', 'EvictedByVPA', 'Preempted']);

/** `namespace/pod: reason`, of all evictions since then. */
export async function evictionsSince(lab: Lab, sinceMs: number): Promise<string[]> {
  const { items } = await getJson<EventList>(lab, ['events', '-A']);
  return (
    items
      .filter(({ reason }) => reasons.has(reason ?? ''))
      // "Cancelling deletion" is written by the same component when a node came back in time.
      .filter(({ message }) => message?.startsWith('Cancelling') !== true)
      .filter(({ lastTimestamp, eventTime }) => Date.parse(lastTimestamp ?? eventTime ?? '') >= sinceMs)
      .map(({ involvedObject, reason }) => `${involvedObject.namespace ?? ''}/${involvedObject.name}: ${reason ?? ''}`)
  );
}
