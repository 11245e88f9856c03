/** The Node object of a kubelet: registered once, its status told when it changes, its lease renewed (k/k pkg/kubelet/kubelet_node_status.go, nodelease). */

import { inGoWords } from '../client/go-words.js';
import type { StoredObject } from '../api/store.js';
import type { StagingContext } from '../component.js';
import { ApiRefusal, type KubeCalls } from '../controllers/kube-calls.js';
import { microTime } from '../controllers/election-rules.js';
import { timeText } from '../controllers/workload-objects.js';
import type { StagingNode } from '../node/staging-node.js';
import { leaseRenewMs, timings } from '../timings.js';
import { kubeletPort } from './kubelet-server.js';

/** Without a change the status is told only so often (nodeStatusReportFrequency). */
const reportMs = 300_000;
/** While all goes well the object itself is read only at each so many renewals: nobody else changes it then, and a cluster may have hundreds of nodes. */
const looksBetweenReads = 6;
const firstPauseMs = 500;
const longestPauseMs = 7_000;
/** Wall clock that each node leaves the machine between two attempts in vain: with 200 nodes five seconds, however fast the clock. */
const restBetweenAttemptsMs = 25;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastHeartbeatTime: string;
  readonly lastTransitionTime: string;
}

export interface NodeStatus {
  /** undefined: not registered yet. */
  readonly uid: string | undefined;
  stop(): void;
}

export interface NodeStatusOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly kube: KubeCalls;
  /** The clock of the node, Unix ms. */
  readonly now: () => number;
  readonly onRegistered: (uid: string) => void;
  /** Each answer or failure of the API, for who judges the own certificate. */
  readonly onAnswer: (error: unknown) => void;
  readonly log: (line: string) => void;
}

export function keepNodeStatus(options: NodeStatusOptions): NodeStatus {
  const { context, node, kube, now, log } = options;
  const { clock } = context;
  const spec = context.specOf(node.name);
  let uid: string | undefined;
  let reportedAtMs = 0;
  let untilRead = 0;
  let isStopped = false;

  async function register(): Promise<StoredObject> {
    const found = await kube.get('Node', { name: node.name });
    if (found !== undefined) return found;
    const isControlPlane = spec.roles.includes('control-plane');
    const labels = {
      'beta.kubernetes.io/arch': 'amd64',
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      'kubernetes.io/hostname': node.name,
      'kubernetes.io/os': 'linux',
    };
    const taints = isControlPlane ? { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } : {};
    const made = await kube.create('Node', {}, { metadata: { name: node.name, labels }, spec: { ...taints } });
    log(`"Successfully registered node" node="${node.name}"`);
    return made;
  }

  async function report(): Promise<void> {
    const object = await kube.get('Node', { name: node.name });
    if (object === undefined) {
      uid = undefined;
      return;
    }
    const before = ((object.status ?? {}) as { readonly conditions?: readonly Condition[] }).conditions ?? [];
    const at = timeText(now());
    const condition = (type: string, status: string, reason: string, message: string): Condition => {
      const was = before.find((one) => one.type === type && one.status === status);
      return { type, status, reason, message, lastHeartbeatTime: at, lastTransitionTime: was?.lastTransitionTime ?? at };
    };
    const conditions = [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ];
    const isWell = before.find((one) => one.type === 'Ready')?.status === 'True';
    if (isWell && reportedAtMs > 0 && clock.now() - reportedAtMs < reportMs / clock.speed) return;
    await kube.patch('Node', { name: node.name, subresource: 'status' }, { status: { ...facts(), conditions } });
    reportedAtMs = clock.now();
  }

  function facts(): object {
    const size = { cpu: '2', memory: '4Gi', pods: '110', 'ephemeral-storage': '20Gi' };
    return {
      addresses: [
        { type: 'InternalIP', address: node.address },
        { type: 'Hostname', address: node.name },
      ],
      capacity: size,
      allocatable: size,
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      nodeInfo: {
        architecture: 'amd64',
        operatingSystem: 'linux',
        osImage: 'Debian GNU/Linux 12 (bookworm)',
        kernelVersion: '6.1.0',
        containerRuntimeVersion: 'containerd://2.1.4',
        kubeletVersion: context.spec.version,
        kubeProxyVersion: '',
        machineID: '',
        systemUUID: '',
        bootID: '',
      },
    };
  }

  async function renew(): Promise<void> {
    const where = { namespace: 'kube-node-lease', name: node.name };
    const renewed = { holderIdentity: node.name, leaseDurationSeconds: timings.nodeLeaseDurationSeconds, renewTime: microTime(now()) };
    try {
      await kube.patch('Lease', where, { spec: renewed });
    } catch (error) {
      if (!(error instanceof ApiRefusal && error.status === 404)) throw error;
      const owner = uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid }] };
      await kube.create('Lease', { namespace: where.namespace }, { metadata: { ...where, ...owner }, spec: renewed });
    }
  }

  /** True when the lease is renewed. */
  async function look(): Promise<boolean> {
    if (isStopped) return false;
    try {
      if (uid === undefined) {
        const { metadata } = await register();
        uid = metadata.uid;
        reportedAtMs = 0;
        if (!isStopped) options.onRegistered(uid);
      }
      await renew();
      if (untilRead-- <= 0) {
        await report();
        untilRead = looksBetweenReads;
      }
      options.onAnswer(undefined);
      return true;
    } catch (error) {
      untilRead = 0;
      if (!isStopped) {
        log(`"Failed to ensure lease exists, will retry" err="${inGoWords(error)}"`);
        options.onAnswer(error);
      }
      return false;
    }
  }

  // The pace of the lease; after a failure soon again, then with growing pauses up to 7 s (kubelet_node_status.go registerWithAPIServer, nodelease backoffEnsureLease).
  const leaseMs = leaseRenewMs(context.spec.nodes.length, clock.speed);
  const mostMs = Math.max(longestPauseMs, context.spec.nodes.length * restBetweenAttemptsMs * clock.speed);
  let pauseMs = firstPauseMs;
  let cancelNext: () => void = () => undefined;
  const go = (): void => {
    void look().then((isRenewed) => {
      if (isStopped) return;
      pauseMs = isRenewed ? firstPauseMs : Math.min(pauseMs * 2, mostMs);
      cancelNext = clock.after(isRenewed ? leaseMs : pauseMs * (0.5 + Math.random() / 2), go);
    });
  };
  go();
  return {
    get uid() {
      return uid;
    },
    stop() {
      isStopped = true;
      cancelNext();
    },
  };
}
