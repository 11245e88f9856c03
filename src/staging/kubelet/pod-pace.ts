/** How often pods ask the API, and how many of them, so that a large cluster does not ask itself to death on one machine. */

import type { ClusterSpec } from '../spec.js';

export interface AskingPace {
  /** Milliseconds of the wall clock between two requests of one pod. */
  readonly everyMs: number;
  /** Share of the pods that ask, 0 to 1. */
  readonly share: number;
  /** After so many a connection ends, and the next request makes a handshake. */
  readonly requestsOfAConnection: number;
}

/** Two seconds of a real cluster, as far as all of them together stay below this many requests a second of the wall clock. */
const requestsPerSecond = 12;
/** Above this many nodes only a sample asks, of about as many pods. */
const allUpToNodes = 40;
const sampleOfPods = 40;
/** With hundreds of nodes handshakes are a large part of what a machine can do, and pods are only a sample. */
const requestsOfAConnection = { usual: 5, ofSample: 50 };

export function askingPace(spec: ClusterSpec, speed: number): AskingPace {
  const pods = spec.workloads.reduce((sum, workload) => sum + (workload.kind === 'DaemonSet' ? spec.nodes.length : workload.replicas), 0);
  const share = spec.nodes.length <= allUpToNodes ? 1 : Math.min(1, sampleOfPods / Math.max(1, pods));
  return {
    everyMs: Math.max(2000 / speed, (pods * share * 1000) / requestsPerSecond),
    share,
    requestsOfAConnection: share < 1 ? requestsOfAConnection.ofSample : requestsOfAConnection.usual,
  };
}
