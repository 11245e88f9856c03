/** How many pods of which template a Deployment shall have next (k/k pkg/controller/deployment/rolling.go). */

import { scaled } from './workload-objects.js';

export interface RolloutLimits {
  readonly maxSurge?: number | string;
  readonly maxUnavailable?: number | string;
}

export interface SetState {
  readonly name: string;
  /** spec.replicas */
  readonly wanted: number;
  /** status.availableReplicas */
  readonly available: number;
}

/** Absolute limits. Both zero would never move: one may be missing then (deployment/util ResolveFenceposts). */
export function limitsOf(replicas: number, limits: RolloutLimits | undefined): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const maxSurge = scaled(limits?.maxSurge, replicas, 'up', '25%');
  const maxUnavailable = scaled(limits?.maxUnavailable, replicas, 'down', '25%');
  return maxSurge === 0 && maxUnavailable === 0 ? { maxSurge, maxUnavailable: 1 } : { maxSurge, maxUnavailable };
}

/** New spec.replicas by name of the set, for those that change. First up, and down only when nothing went up, as a sync does. */
export function nextScales(
  replicas: number,
  strategy: { readonly type: 'RollingUpdate' | 'Recreate'; readonly limits?: RolloutLimits | undefined },
  current: SetState,
  before: readonly SetState[],
): ReadonlyMap<string, number> {
  const scales = new Map<string, number>();
  const ofBefore = before.reduce((sum, set) => sum + set.wanted, 0);
  if (strategy.type === 'Recreate') {
    for (const set of before) if (set.wanted > 0) scales.set(set.name, 0);
    if (scales.size === 0 && current.wanted !== replicas) scales.set(current.name, replicas);
    return scales;
  }
  const { maxSurge, maxUnavailable } = limitsOf(replicas, strategy.limits);

  const grown = grownTo(replicas, maxSurge, current.wanted, ofBefore);
  if (grown !== current.wanted) return scales.set(current.name, grown);

  const newUnavailable = current.wanted - current.available;
  let mayGo = current.wanted + ofBefore - (replicas - maxUnavailable) - newUnavailable;
  if (mayGo <= 0) return scales;
  const left = new Map(before.map((set) => [set.name, set.wanted]));
  // Those that do not work go first (cleanupUnhealthyReplicas).
  for (const set of before) {
    const gone = Math.min(mayGo, Math.max(0, set.wanted - set.available));
    left.set(set.name, set.wanted - gone);
    mayGo -= gone;
  }
  const available = current.available + before.reduce((sum, set) => sum + set.available, 0);
  let spare = available - (replicas - maxUnavailable);
  for (const set of before) {
    const wanted = left.get(set.name) ?? 0;
    const gone = Math.max(0, Math.min(wanted, spare));
    left.set(set.name, wanted - gone);
    spare -= gone;
  }
  for (const set of before) if (left.get(set.name) !== set.wanted) scales.set(set.name, left.get(set.name) ?? 0);
  return scales;
}

/** deployment/util NewRSNewReplicas. */
function grownTo(replicas: number, maxSurge: number, wanted: number, ofBefore: number): number {
  if (wanted >= replicas) return replicas;
  const room = replicas + maxSurge - (wanted + ofBefore);
  return room <= 0 ? wanted : wanted + Math.min(room, replicas - wanted);
}
