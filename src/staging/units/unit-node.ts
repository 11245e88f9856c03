/** A node on which everything is a systemd unit, the kubelet too: what boot starts, and what a cluster asks of a node. */

import { parseFlags } from '../../domain/cluster/flags.js';
import type { Components, RunningComponent, StagingContext, StartComponent } from '../component.js';
import type { Kubelet } from '../kubelet/kubelet.js';
import { type KubeletParts, kubeletParts } from '../kubelet/kubelet-parts.js';
import { startKubeletProcess } from '../kubelet/kubelet-process.js';
import type { StagingNode } from '../node/staging-node.js';
import { runJobs } from '../node/unit-jobs.js';
import { createService, type Service } from './service.js';

export interface UnitNodeOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  /** Beside the kubelet, which belongs to the node. */
  readonly components: Components;
}

const enabledUnits = '/etc/systemd/system/multi-user.target.wants';
/** In milliseconds of a real cluster: a member of etcd that finds no quorum is not waited for any longer. */
const bootMs = 60_000;

/** Registers a unit for each service that is enabled on the node. Nothing runs before `start`, which is the boot. */
export function createUnitNode({ context, node, components }: UnitNodeOptions): Kubelet {
  const parts = kubeletParts({ context, node, components: new Map() });
  const all: Components = new Map([...components, ['kubelet', kubeletComponent(parts)]]);
  const services = node
    .list(enabledUnits)
    .filter((name) => name.endsWith('.service'))
    .map((name) => createService({ context, node, name: name.replace(/\.service$/, ''), components: all }));
  const kubelet = services.find(({ name }) => name === 'kubelet.service');
  for (const service of services) node.unit(service.name, service);

  async function boot(): Promise<void> {
    for (const service of services) service.reload?.();
    const ending = new AbortController();
    const jobs = runJobs('start', new Map(services.map((service): [string, Service] => [service.name, service])));
    await Promise.race([jobs, context.clock.wait(bootMs, ending.signal)]);
    ending.abort();
  }

  async function cut(): Promise<void> {
    await Promise.all(services.map((service) => service.stop()));
    parts.workloadPods.cut();
    await parts.staticPods.cut();
  }

  node.onPower((on) => (on ? void boot() : cut()));

  return {
    start: boot,
    close: cut,
    get isActive() {
      return kubelet?.isActive() === true;
    },
    get starts() {
      return kubelet?.starts ?? 0;
    },
    staticPods: () => parts.staticPods.list(),
    runningPods: () => parts.workloadPods.running(),
    podCounters: parts.podCounters,
  };
}

/** Pods and their volumes outlive it: they are the node's. */
function kubeletComponent(parts: KubeletParts): StartComponent {
  return async ({ context, node, process, log }): Promise<RunningComponent> => {
    if (context.faults.kubelets.has(node.name))
      throw new Error('"command failed" err="failed to run Kubelet: unable to determine runtime API version: rpc error: code = Unavailable"');
    let tell: (why: string) => void = () => undefined;
    const ended = new Promise<string>((resolve) => {
      tell = resolve;
    });
    const life = startKubeletProcess({
      ...parts,
      context,
      node,
      flags: parseFlags(process.args.slice(1)),
      log,
      listens: (port) => process.listens(port),
      onExit: (line) => void life.stop().then(() => tell(`"command failed" err="${line}"`)),
    });
    log('"Starting kubelet"');
    return {
      ended,
      async stop() {
        await life.stop();
        tell('stopped');
      },
    };
  };
}
