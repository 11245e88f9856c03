/** Status of a pod as a kubelet tells it. */

import { timeText } from '../controllers/workload-objects.js';

export interface ContainerFacts {
  readonly name: string;
  readonly image: string;
  /** Hex. */
  readonly id: string;
  readonly startedAtMs: number;
  readonly restarts: number;
  /** `crashed`: it waits for its next start. */
  readonly state: 'waiting' | 'running' | 'crashed';
  readonly isReady: boolean;
}

export interface PodFacts {
  readonly hostIp: string;
  readonly podIp: string;
  readonly startedAtMs: number;
  readonly containers: readonly ContainerFacts[];
  readonly nowMs: number;
}

export function podStatus(facts: PodFacts): Readonly<Record<string, unknown>> {
  const isReady = facts.containers.every((container) => container.isReady);
  const isPending = facts.containers.some((container) => container.state === 'waiting');
  const at = timeText(facts.startedAtMs);
  const condition = (type: string, isTrue: boolean): object => ({
    type,
    status: isTrue ? 'True' : 'False',
    lastProbeTime: null,
    lastTransitionTime: isTrue ? at : timeText(facts.nowMs),
  });
  return {
    phase: isPending ? 'Pending' : 'Running',
    hostIP: facts.hostIp,
    hostIPs: [{ ip: facts.hostIp }],
    podIP: facts.podIp,
    podIPs: [{ ip: facts.podIp }],
    startTime: at,
    conditions: [
      condition('PodReadyToStartContainers', !isPending),
      condition('Initialized', true),
      condition('Ready', isReady),
      condition('ContainersReady', isReady),
      condition('PodScheduled', true),
    ],
    containerStatuses: facts.containers.map((container) => ({
      name: container.name,
      image: container.image,
      imageID: container.image,
      containerID: `containerd://${container.id}`,
      ready: container.isReady,
      started: container.isReady,
      restartCount: container.restarts,
      lastState: {},
      state: stateOf(container),
    })),
    qosClass: 'Burstable',
  };
}

function stateOf(container: ContainerFacts): object {
  if (container.state === 'running') return { running: { startedAt: timeText(container.startedAtMs) } };
  if (container.state === 'waiting') return { waiting: { reason: 'ContainerCreating' } };
  return { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container=${container.name}` } };
}
