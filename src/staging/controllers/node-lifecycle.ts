/** Node lifecycle: a node without heartbeats becomes Unknown and is tainted, and its pods are evicted by their tolerations (k/k pkg/controller/nodelifecycle, tainteviction). */

import type { StoredObject } from '../api/store.js';
import { monitorGraceMs, timings } from '../timings.js';
import type { ControllerWorld } from './controller-world.js';
import { readyOf, taintsOf } from './node-rules.js';
import { removePod } from './replica-sets.js';
import { isActive, isReady, podSpecOf, podStatusOf, type Taint, timeText, tolerates } from './workload-objects.js';

/** --node-monitor-period */
const monitorMs = 5_000;
export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';

export interface Heartbeat {
  /** What last changed: renewTime of the lease and the status. */
  readonly seen: string;
  readonly atMs: number;
  readonly looks: number;
}

export function beat(before: Heartbeat | undefined, seen: string, nowMs: number): Heartbeat {
  return before !== undefined && before.seen === seen ? { ...before, looks: before.looks + 1 } : { seen, atMs: nowMs, looks: 1 };
}

/** By the controller's own clock since it last saw something new; looks count beside it, so that a machine that stood still is no dead node. */
export function isDead(heartbeat: Heartbeat, nowMs: number, speed: number, graceMs: number = timings.nodeMonitorGraceMs): boolean {
  return nowMs - heartbeat.atMs >= graceMs / speed && heartbeat.looks >= graceMs / monitorMs;
}

/** Taints that a node shall have by its condition, beside those that are none of ours. */
export function wantedTaints(taints: readonly Taint[], ready: 'True' | 'False' | 'Unknown', nowMs: number): readonly Taint[] {
  const kept = taints.filter((taint) => taint.key !== notReadyTaint && taint.key !== unreachableTaint);
  if (ready === 'True') return kept;
  const key = ready === 'False' ? notReadyTaint : unreachableTaint;
  const known = (effect: string): Taint | undefined => taints.find((taint) => taint.key === key && taint.effect === effect);
  return [...kept, ...['NoSchedule', 'NoExecute'].map((effect) => known(effect) ?? { key, effect, timeAdded: timeText(nowMs) })];
}

export function watchNodes(world: ControllerWorld): void {
  const { context, kube } = world;
  const nodes = world.cache('Node');
  const leases = world.cache('Lease');
  const pods = world.cache('Pod');
  const heartbeats = new Map<string, Heartbeat>();
  const graceMs = monitorGraceMs(context.spec.nodes.length, context.clock.speed);
  /** Since when a node has a NoExecute taint, by our clock. */
  const tainted = new Map<string, number>();

  world.every(monitorMs, 'node-lifecycle-controller', async () => {
    if (!nodes.isSynced || !leases.isSynced) return;
    const all = nodes.list();
    for (const node of all) {
      const { name } = node.metadata;
      const lease = leases.get('kube-node-lease', name);
      const seen = `${JSON.stringify(lease?.spec ?? {})} ${heartbeatOf(node)}`;
      const heartbeat = beat(heartbeats.get(name), seen, context.clock.now());
      heartbeats.set(name, heartbeat);
      let current = node;
      if (isDead(heartbeat, context.clock.now(), context.clock.speed, graceMs) && readyOf(node) !== 'Unknown') current = await markUnknown(world, node);
      await taint(world, current);
    }
    const isAllLost = all.length > 0 && all.every((node) => readyOf(nodes.get(undefined, node.metadata.name) ?? node) !== 'True');
    for (const node of all) {
      const current = nodes.get(undefined, node.metadata.name);
      const hard = current === undefined ? [] : taintsOf(current).filter((one) => one.effect === 'NoExecute');
      // When no node is well the fault is rather ours: nothing is evicted (full disruption mode).
      if (current === undefined || hard.length === 0 || isAllLost) {
        tainted.delete(node.metadata.name);
        continue;
      }
      const since = tainted.get(node.metadata.name) ?? context.clock.now();
      tainted.set(node.metadata.name, since);
      await evict(current, hard, context.clock.now() - since);
    }
  });

  async function evict(node: StoredObject, hard: readonly Taint[], forMs: number): Promise<void> {
    for (const pod of pods.list()) {
      const spec = podSpecOf(pod);
      if (spec.nodeName !== node.metadata.name || !isActive(pod) || pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) continue;
      const waits = hard.map((one) => {
        const bearing = tolerates(spec.tolerations, one);
        // Admission stamps 300 s into each pod that says nothing (DefaultTolerationSeconds).
        if (bearing === undefined) return one.key === notReadyTaint || one.key === unreachableTaint ? timings.evictionMs : 0;
        return bearing.tolerationSeconds === undefined ? Number.POSITIVE_INFINITY : bearing.tolerationSeconds * 1000;
      });
      if (forMs < Math.min(...waits) / context.clock.speed) continue;
      world.log(`"Deleting pod" controller="taint-eviction-controller" pod="${pod.metadata.namespace ?? ''}/${pod.metadata.name}"`);
      await removePod(world, pod);
    }
  }

  async function taint(of: ControllerWorld, node: StoredObject): Promise<void> {
    const taints = taintsOf(node);
    const wanted = wantedTaints(taints, readyOf(node), of.now());
    if (JSON.stringify(taints) === JSON.stringify(wanted)) return;
    nodes.remember(await kube.patch('Node', { name: node.metadata.name }, { spec: { taints: wanted.length === 0 ? null : wanted } }));
  }
}

/** All conditions become Unknown, and its pods count as not ready any more. */
async function markUnknown(world: ControllerWorld, node: StoredObject): Promise<StoredObject> {
  const at = timeText(world.now());
  const conditions = (podStatusOf(node).conditions ?? []).map((condition) => ({
    ...condition,
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
    lastTransitionTime: condition.status === 'Unknown' ? condition.lastTransitionTime : at,
  }));
  const patched = await world.kube.patch('Node', { name: node.metadata.name, subresource: 'status' }, { status: { conditions } });
  world.cache('Node').remember(patched);
  world.log(`"Node is unresponsive" node="${node.metadata.name}"`);
  for (const pod of world.cache('Pod').list()) {
    if (podSpecOf(pod).nodeName !== node.metadata.name || !isReady(pod)) continue;
    const { namespace, name } = pod.metadata;
    const lost = (podStatusOf(pod).conditions ?? []).map((one) => (one.type === 'Ready' ? { ...one, status: 'False', reason: 'NodeNotReady', lastTransitionTime: at } : one));
    world.cache('Pod').remember(await world.kube.patch('Pod', { namespace, name, subresource: 'status' }, { status: { conditions: lost } }));
  }
  return patched;
}

function heartbeatOf(node: StoredObject): string {
  const conditions = podStatusOf(node).conditions as readonly { readonly type: string; readonly lastHeartbeatTime?: string }[] | undefined;
  return conditions?.find((condition) => condition.type === 'Ready')?.lastHeartbeatTime ?? '';
}
