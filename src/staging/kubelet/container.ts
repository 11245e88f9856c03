/** A container of a static pod: one process on the node with one component in it, from start to end. */

import { randomBytes } from 'node:crypto';
import { parseFlags } from '../../domain/cluster/flags.js';
import type { Components, RunningComponent, StagingContext } from '../component.js';
import type { StagingNode, StagingProcess } from '../node/staging-node.js';
import { openPodLog, type PodLog } from './pod-log.js';
import type { StaticManifest } from './static-manifest.js';

export interface Container {
  /** Hex, as containerd names them. */
  readonly id: string;
  readonly startedAtMs: number;
  readonly pid: number;
  readonly isReady: boolean;
  readonly isEnded: boolean;
  readonly log: PodLog;
  /** Resolves when its process is gone, with the reason. */
  readonly ended: Promise<string>;
  /** SIGTERM, and its end. */
  stop(): Promise<void>;
}

export interface ContainerStart {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly components: Components;
  readonly manifest: StaticManifest;
  readonly restarts: number;
  readonly now: () => number;
}

/** Images that bring programs with them which steps execute through /proc/PID/root. */
const programsOf: Readonly<Record<string, readonly string[]>> = { etcd: ['etcdctl', 'etcdutl'] };

/** Returns at once; `ended` tells when it is over. What cannot be started ends at once with the line that it logged. */
export function startContainer(start: ContainerStart): Container {
  const { context, node, manifest, now } = start;
  const program = (manifest.args[0] ?? '').split('/').at(-1) ?? '';
  const log = openPodLog(node, `/var/log/pods/${manifest.namespace}_${manifest.name}-${node.name}_${manifest.uid}/${manifest.container}/${start.restarts}.log`, now);
  const id = randomBytes(32).toString('hex');
  const process: StagingProcess = node.start({
    name: program,
    args: manifest.args,
    mounts: manifest.mounts,
    programs: programsOf[program] ?? [],
    cgroup: `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${manifest.uid}.slice/cri-containerd-${id}.scope`,
  });
  let running: RunningComponent | undefined;
  let isReady = false;
  let isEnded = false;
  let isStopping = false;
  let resolveEnded: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    resolveEnded = resolve;
  });

  function finish(reason: string): void {
    if (isEnded) return;
    isEnded = true;
    isReady = false;
    process.end();
    resolveEnded(reason);
  }

  async function end(reason: string): Promise<void> {
    if (isStopping || isEnded) return void (await ended);
    isStopping = true;
    isReady = false;
    // While it still starts, the start is waited for: its ports must be closed before the next one opens them.
    await started;
    await running?.stop().catch((error: unknown) => context.log(`${node.name}: ${program} did not stop in order: ${textOf(error)}`));
    finish(reason);
  }

  async function run(): Promise<void> {
    const component = start.components.get(program);
    if (component === undefined) {
      isReady = true;
      return;
    }
    try {
      running = await component({ context, node, process, flags: parseFlags(manifest.args.slice(1)), log: (line) => log.write(line) });
    } catch (error) {
      log.write(textOf(error));
      finish(textOf(error));
      return;
    }
    if (isStopping) return;
    isReady = true;
    void running.ended.then((reason) => {
      if (isStopping) return;
      log.write(reason);
      finish(reason);
    });
  }

  process.onSignal((signal) => {
    // STOP and CONT hold a process, they do not end it.
    if (['TERM', 'KILL', 'INT', 'QUIT', 'ABRT', 'HUP'].includes(signal.replace(/^SIG/, ''))) void end(`signal ${signal}`);
  });
  const started = run();

  return {
    id,
    startedAtMs: process.startedAtMs,
    pid: process.pid,
    get isReady() {
      return isReady;
    },
    get isEnded() {
      return isEnded;
    },
    log,
    ended,
    stop: () => end('stopped'),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
