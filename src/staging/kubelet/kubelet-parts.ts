/** What of a kubelet belongs to its node and outlives its process: pods, their volumes, and what they have felt. */

import type { Components, StagingContext } from '../component.js';
import type { StagingNode } from '../node/staging-node.js';
import type { AskingCounters } from './pod-asking.js';
import { askingPace } from './pod-pace.js';
import { createStaticPods, type StaticPods } from './static-pods.js';
import { createWorkloadPods, type WorkloadPods } from './workload-pods.js';

export interface PodCounters {
  readonly asking: number;
  readonly requests: number;
  readonly failures: number;
  readonly byReason: Readonly<Record<string, number>>;
}

export interface KubeletParts {
  readonly staticPods: StaticPods;
  readonly workloadPods: WorkloadPods;
  /** The clock of the node, Unix ms. */
  readonly now: () => number;
  podCounters(): PodCounters;
}

export function kubeletParts({ context, node, components }: { readonly context: StagingContext; readonly node: StagingNode; readonly components: Components }): KubeletParts {
  const now = (): number => context.clock.now() + node.skewMs;
  const counters: AskingCounters = { requests: 0, failures: 0, byReason: new Map() };
  const workloadPods = createWorkloadPods({ context, node, now, counters, pace: askingPace(context.spec, context.clock.speed) });
  return {
    staticPods: createStaticPods({ context, node, components, now }),
    workloadPods,
    now,
    podCounters: () => ({ asking: workloadPods.asking(), requests: counters.requests, failures: counters.failures, byReason: Object.fromEntries(counters.byReason) }),
  };
}
