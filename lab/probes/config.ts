import { apiEndpoint, type Lab } from '../lab.js';

/** How a client connects: every probe on a connection of its own, on one that is kept, or a write on a kept one. */
export type ProbeKind = 'fresh' | 'kept' | 'write';

export interface ProbeTarget {
  readonly address: string;
  readonly serverName?: string;
}

/** A schedule. `each`: a schedule of its own for every class (or target); `rotate`: they take turns in one. */
export interface ProbeLane {
  readonly name: string;
  readonly kind: ProbeKind;
  readonly everyMs: number;
  readonly targets: readonly string[];
  readonly over: { readonly classes: 'each' | 'rotate'; readonly targets: 'each' | 'rotate' };
}

/** One kind of client. Files are read again when they change. */
export interface ProbeClass {
  readonly name: string;
  readonly caFile: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly tokenFile?: string;
  readonly readPath: string;
  /** They take turns: a write that is still under way must not make the next one conflict with it. */
  readonly writePaths?: readonly string[];
  /** Names of the lanes it takes part in; all of them when left out. */
  readonly lanes?: readonly string[];
}

/** What the Go program is told (lab/probes/go/config.go). */
export interface ProberConfig {
  readonly rawLog: string;
  readonly summary: string;
  readonly controlFile: string;
  readonly endWithStdin: boolean;
  readonly deadlineMs: number;
  readonly targets: Readonly<Record<string, ProbeTarget>>;
  readonly lanes: readonly ProbeLane[];
  readonly classes: readonly ProbeClass[];
}

export const loadBalancerTarget = 'lb';

/** The load balancer and each apiserver, by address. */
export function labTargets(lab: Lab): Record<string, ProbeTarget> {
  return {
    [loadBalancerTarget]: { address: apiEndpoint(lab.layout) },
    ...Object.fromEntries(lab.controlPlanes.map(({ name, ip }) => [name, { address: `${ip}:6443` }])),
  };
}

/**
 * `per-target`: every target sees a probe every 50 ms, the classes take turns: the load stays the same however many
 * classes there are. `per-class`: every class has its own 50 ms through the load balancer, and they take turns at the
 * apiservers, which take turns too.
 */
export type LaneSet = 'per-target' | 'per-class';

export interface LaneOptions {
  readonly set?: LaneSet;
  readonly everyMs?: number;
}

export function defaultLanes(targets: Readonly<Record<string, ProbeTarget>>, options: LaneOptions = {}): ProbeLane[] {
  const { set = 'per-target', everyMs = 50 } = options;
  const direct = Object.keys(targets).filter((name) => name !== loadBalancerTarget);
  const classes = set === 'per-class' ? 'each' : 'rotate';
  const freshTargets = set === 'per-class' ? 'rotate' : 'each';
  const lanes: ProbeLane[] = [
    { name: 'fresh-lb', kind: 'fresh', everyMs, targets: [loadBalancerTarget], over: { classes, targets: 'each' } },
    { name: 'fresh-direct', kind: 'fresh', everyMs, targets: direct, over: { classes: 'rotate', targets: freshTargets } },
    { name: 'kept-lb', kind: 'kept', everyMs, targets: [loadBalancerTarget], over: { classes, targets: 'each' } },
    { name: 'kept-direct', kind: 'kept', everyMs, targets: direct, over: { classes: 'rotate', targets: 'rotate' } },
    { name: 'write-lb', kind: 'write', everyMs, targets: [loadBalancerTarget], over: { classes: 'rotate', targets: 'each' } },
  ];
  return lanes.filter((lane) => lane.targets.length > 0);
}
