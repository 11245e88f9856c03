/** The kubelet of a node as a systemd unit: started, stopped, started again when it exits; containers and pods outlive it. */

import { parseFlags } from '../../domain/cluster/flags.js';
import type { StoredObject } from '../api/store.js';
import type { Components, StagingContext } from '../component.js';
import type { StagingNode, StagingProcess } from '../node/staging-node.js';
import { kubeletArguments } from '../pki/kubelet-files.js';
import { type KubeletProcess, startKubeletProcess } from './kubelet-process.js';
import { kubeletParts, type PodCounters } from './kubelet-parts.js';
import type { StaticPod } from './static-pod.js';

export interface Kubelet {
  /** As systemd at boot: the unit is enabled. */
  start(): Promise<void>;
  /** Kubelet, containers and pods. */
  close(): Promise<void>;
  readonly isActive: boolean;
  /** How often it was started so far. */
  readonly starts: number;
  staticPods(): readonly StaticPod[];
  /** Pods of workloads whose programs run on the node just now, whatever the API says of them. */
  runningPods(): readonly StoredObject[];
  /** Of the pods on this node that ask the API: how many there are, and how many requests failed, by reason. */
  podCounters(): PodCounters;
}

export interface KubeletOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly components: Components;
  /** Default: kubeadm's command line for the spec of the node. */
  readonly args?: readonly string[];
}

/** RestartSec of the drop-in of kubeadm's package. */
const restartMs = 10_000;
const keptLines = 300;

/** Registers the unit; nothing runs before `start`. */
export function createKubelet(options: KubeletOptions): Kubelet {
  const { context, node, components } = options;
  const { clock } = context;
  const { staticPods, workloadPods, now, podCounters } = kubeletParts({ context, node, components });
  const lines: string[] = [];
  let process: StagingProcess | undefined;
  let starts = 0;
  let running: KubeletProcess | undefined;
  let cancelRestart: () => void = () => undefined;
  let stopping: Promise<void> | undefined;

  function log(line: string): void {
    const at = new Date(now());
    const stamp = `${at.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' })} ${String(at.getUTCDate()).padStart(2, '0')} ${at.toISOString().slice(11, 19)}`;
    lines.push(`${stamp} ${node.name} kubelet[${process?.pid ?? 0}]: ${line}`);
    if (lines.length > keptLines) lines.splice(0, lines.length - keptLines);
  }

  async function start(): Promise<void> {
    cancelRestart();
    await stopping;
    if (process !== undefined || !node.isOn) return;
    const args = options.args ?? kubeletArguments(context.spec, context.specOf(node.name));
    const started = node.start({ name: 'kubelet', args, cgroup: '/system.slice/kubelet.service' });
    process = started;
    starts += 1;
    started.onSignal((signal) => {
      if (['TERM', 'KILL', 'INT', 'ABRT', 'QUIT', 'HUP'].includes(signal.replace(/^SIG/, ''))) exited(started, `Main process exited, code=killed, signal=${signal}`);
    });
    if (context.faults.kubelets.has(node.name))
      return exited(started, '"command failed" err="failed to run Kubelet: unable to determine runtime API version: rpc error: code = Unavailable"');
    try {
      running = startKubeletProcess({
        context,
        node,
        flags: parseFlags(args.slice(1)),
        staticPods,
        workloadPods,
        now,
        log,
        onExit: (line) => exited(started, `"command failed" err="${line}"`),
      });
      log('"Starting kubelet"');
    } catch (error) {
      exited(started, `"command failed" err="${error instanceof Error ? error.message : String(error)}"`);
    }
  }

  /** Systemd starts it again after a pause, whatever it died of. */
  function exited(of: StagingProcess, line: string): void {
    if (process !== of) return;
    log(line);
    log('kubelet.service: Failed with result "exit-code".');
    void end().then(() => {
      cancelRestart = clock.after(restartMs, () => void start());
    });
  }

  function end(): Promise<void> {
    const [ended, life] = [process, running];
    process = undefined;
    running = undefined;
    stopping = (async () => {
      await stopping;
      await life?.stop();
      ended?.end();
    })();
    return stopping;
  }

  async function stop(): Promise<void> {
    cancelRestart();
    await end();
    cancelRestart();
  }

  async function cut(): Promise<void> {
    await stop();
    workloadPods.cut();
    await staticPods.cut();
  }

  node.unit('kubelet', { start, stop, isActive: () => process !== undefined, mainPid: () => process?.pid ?? 0, log: () => lines });
  node.onPower((on) => (on ? start() : cut()));

  return {
    start,
    close: cut,
    get isActive() {
      return process !== undefined;
    },
    get starts() {
      return starts;
    },
    staticPods: () => staticPods.list(),
    runningPods: () => workloadPods.running(),
    podCounters,
  };
}
