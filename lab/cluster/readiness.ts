import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';

interface Condition {
  readonly type: string;
  readonly status: string;
}

interface NodeItem {
  readonly metadata: { readonly name: string };
  readonly status: { readonly conditions?: readonly Condition[] };
}

interface ContainerStatus {
  readonly state?: { readonly running?: { readonly startedAt: string } };
}

interface PodItem {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface LeaseItem {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly renewTime?: string };
}

export interface ReadinessOptions {
  /** Believe nothing that was written earlier: after a restore etcd still says that all was well when it was copied. */
  readonly since?: Date;
}

async function list<Item>(lab: Lab, args: readonly string[]): Promise<Item[]> {
  const { stdout } = await lab.kubectl(['get', ...args, '-o', 'json', '--request-timeout=30s'], { timeoutMs: 40_000 });
  return (JSON.parse(stdout) as { items: Item[] }).items;
}

function isReady(conditions: readonly Condition[] | undefined): boolean {
  return conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
}

export async function unreadyNodes(lab: Lab, options: ReadinessOptions = {}): Promise<string[]> {
  const ready = (await list<NodeItem>(lab, ['nodes'])).filter((node) => isReady(node.status.conditions));
  const names = new Set(ready.map((node) => node.metadata.name));
  if (options.since !== undefined) {
    for (const lease of await list<LeaseItem>(lab, ['leases', '-n', 'kube-node-lease'])) {
      if (new Date(lease.spec.renewTime ?? 0) < options.since) names.delete(lease.metadata.name);
    }
  }
  return lab.nodes.filter((node) => !names.has(node.name)).map((node) => node.name);
}

export async function unreadyPods(lab: Lab, options: ReadinessOptions = {}): Promise<string[]> {
  // Kubernetes gives whole seconds.
  const since = Math.floor((options.since?.getTime() ?? 0) / 1_000) * 1_000;
  const isRunning = ({ state }: ContainerStatus): boolean => state?.running !== undefined && new Date(state.running.startedAt).getTime() >= since;
  return (await list<PodItem>(lab, ['pods', '-A']))
    .filter((pod) => pod.status.phase !== 'Succeeded')
    .filter(({ metadata, status }) => metadata.deletionTimestamp !== undefined || !isReady(status.conditions) || !(status.containerStatuses ?? []).every(isRunning))
    .map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`);
}

/** Every node Ready and every pod running and ready. */
export async function waitUntilReady(lab: Lab, timeoutMs: number, options: ReadinessOptions = {}): Promise<void> {
  await waitFor('all nodes and pods to be Ready', { timeoutMs, everyMs: 1_000 }, async () => {
    const nodes = await unreadyNodes(lab, options);
    if (nodes.length > 0) return `not Ready: ${nodes.join(', ')}`;
    const pods = await unreadyPods(lab, options);
    return pods.length === 0 ? true : `not ready: ${pods.join(', ')}`;
  });
}
