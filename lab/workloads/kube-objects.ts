import type { CommandOptions } from '../command.js';
import type { Lab } from '../lab.js';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string } & Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/** `value`: the higher, the earlier. It never takes a node from another pod. */
export function priorityClass(name: string, value: number, description: string): KubeObject {
  return { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value, preemptionPolicy: 'Never', description };
}

/** Server-side apply: what is there already as wanted keeps its resourceVersion. */
export async function applyObjects(lab: Lab, objects: readonly KubeObject[], options: CommandOptions = {}): Promise<void> {
  if (objects.length === 0) return;
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await lab.kubectl(['apply', '--server-side', '--force-conflicts', '--field-manager=rotate-ca-lab', '-f', '-'], {
    timeoutMs: 600_000,
    ...options,
    input: list,
  });
}

/** Reads an object or a list as JSON. The caller states the shape that the API documents for it. */
export async function getJson<T>(lab: Lab, args: readonly string[]): Promise<T> {
  const { stdout } = await lab.kubectl(['get', ...args, '-o', 'json']);
  return JSON.parse(stdout) as T;
}

/** The address that the cluster's own kubeconfigs name, behind which the load balancer stands. */
export async function apiServerUrl(lab: Lab): Promise<string> {
  const { stdout } = await lab.kubectl(['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}']);
  return stdout.trim();
}
