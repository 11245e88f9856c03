/** Takes the inventory of a cluster. Reads only. */

import type { ClusterRecord, Host, Inventory, NodeRecord } from '../domain/cluster/inventory.js';
import { type Failure, fail, failuresOf, RotationError } from '../domain/errors.js';
import type { Kube } from '../ports/kube.js';
import type { Shells } from '../ports/node-shell.js';
import { collectScript } from './files/script.js';
import { type NodeFindings, readFindings } from './files/read-files.js';
import { type ClusterNode, clusterNodeOf, unmatched } from './hosts-and-nodes.js';
import { readObjects } from './objects/read-objects.js';
import { componentsOf } from './processes/components.js';

export interface ScanOptions {
  readonly hosts: readonly Host[];
  readonly shells: Shells;
  readonly kube: Kube;
  readonly signal?: AbortSignal;
  /** Unix time in ms. */
  now(): number;
  /** For the files of one node, and for each call to the API. Default 60,000. */
  readonly deadlineMs?: number;
  /** Nodes that are read at the same time. Default: a tenth of them, 2 to 16. */
  readonly atOnce?: number;
}

/**
 * Reads nodes and API at the same time. Whatever fails is collected, so that an operator sees all of it at once:
 * throws one RotationError with a failure for each host or call (those of the ports, node-unknown, layout-unsupported).
 */
export async function scanCluster(options: ScanOptions): Promise<Inventory> {
  const { hosts, kube, deadlineMs = 60_000, signal } = options;
  const call = { deadlineMs, ...(signal === undefined ? {} : { signal }) };
  const failures: Failure[] = [];
  const collect = (error: unknown): undefined => {
    const expected = failuresOf(error);
    if (expected === undefined) throw error;
    failures.push(...expected);
    return undefined;
  };
  const [cluster, nodes, objects, findings] = await settled([
    readCluster(kube, call).catch(collect),
    kube
      .list({ apiVersion: 'v1', kind: 'Node' }, call)
      .then((list) => list.map(clusterNodeOf))
      .catch(collect),
    readObjects(kube, call).catch(collect),
    readHosts(options, call, collect),
  ] as const);
  if (nodes !== undefined) failures.push(...unmatched(hosts, nodes));
  const records = hosts.flatMap((host): NodeRecord[] => {
    const node = nodes?.find(({ name }) => name === host.name);
    const found = findings.get(host.name);
    if (node === undefined || found === undefined) return [];
    try {
      return [recordOf(host, node, found)];
    } catch (error) {
      collect(named(host, error));
      return [];
    }
  });
  const interrupted = failures.find(({ code }) => code === 'interrupted');
  if (interrupted !== undefined) throw new RotationError(interrupted);
  if (failures.length > 0 || cluster === undefined || objects === undefined) throw new RotationError(once(failures));
  return { apiVersion: 'rotate-ca/v1', kind: 'Inventory', takenAt: new Date(options.now()).toISOString(), cluster, nodes: records, objects };
}

async function readCluster(kube: Kube, call: { readonly deadlineMs: number; readonly signal?: AbortSignal }): Promise<ClusterRecord> {
  const [namespace, version] = await Promise.all([kube.read({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, call), kube.get('/version', call)]);
  const uid = namespace?.metadata.uid;
  const gitVersion = version.status === 200 ? versionIn(version.body) : undefined;
  if (uid === undefined || gitVersion === undefined) {
    return fail('api-refused', {
      target: kube.server,
      summary: `${kube.server} does not say which cluster it is`,
      cause: uid === undefined ? 'there is no namespace kube-system' : `GET /version was answered with ${version.status}`,
      nextAction: 'Check the server of the kubeconfig with "kubectl cluster-info"',
    });
  }
  return { uid, server: kube.server, version: gitVersion };
}

function versionIn(body: string): string | undefined {
  try {
    const parsed = JSON.parse(body) as { gitVersion?: unknown };
    return typeof parsed.gitVersion === 'string' ? parsed.gitVersion : undefined;
  } catch {
    return undefined;
  }
}

/** One round trip for each host, some hosts at once. */
async function readHosts(
  options: ScanOptions,
  call: { readonly deadlineMs: number; readonly signal?: AbortSignal },
  collect: (error: unknown) => undefined,
): Promise<Map<string, NodeFindings>> {
  const { hosts, shells, atOnce = nodesAtOnce(options.hosts.length) } = options;
  const found = new Map<string, NodeFindings>();
  const waiting = [...hosts];
  const worker = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      try {
        found.set(host.name, readFindings(host.name, await readHost(shells, host.name, call)));
      } catch (error) {
        collect(error);
      }
    }
  };
  await settled(Array.from({ length: Math.min(atOnce, hosts.length) }, worker));
  return found;
}

/** A line that is lost while we only read is no news about the node: it is asked once more over a new one. */
async function readHost(shells: Shells, name: string, call: { readonly deadlineMs: number; readonly signal?: AbortSignal }): Promise<string> {
  try {
    return await shells.to(name).must(collectScript, call);
  } catch (error) {
    if (failuresOf(error)?.[0]?.code !== 'ssh-lost') throw error;
    return shells.to(name).must(collectScript, call);
  }
}

function recordOf(host: Host, node: ClusterNode, findings: NodeFindings): NodeRecord {
  const { tools } = findings;
  const components = componentsOf(findings, node.kubeletVersion);
  return {
    ...node,
    // Where clusters are made by hand nobody may have labelled the node.
    roles: components.some(({ name }) => name === 'kube-apiserver') ? ['control-plane'] : node.roles,
    host,
    files: findings.files,
    components,
    tools: { openssl: tools.has('openssl'), ctr: tools.has('ctr'), crictl: tools.has('crictl'), kubeadm: tools.has('kubeadm') },
  };
}

/** The parser of a manifest knows the path but not the host. */
function named(host: Host, error: unknown): unknown {
  const failures = failuresOf(error);
  return failures === undefined ? error : new RotationError(failures.map((f) => ({ ...f, target: `${host.name}:${f.target}` })));
}

/** The API's refusal comes once for each list: once is enough. */
function once(failures: readonly Failure[]): Failure[] {
  const seen = new Set<string>();
  return failures.filter(({ code, target, summary, cause }) => {
    const key = [code, target, summary, cause].join('\0');
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** As Promise.all, but waits for all of them before it throws: nothing goes on behind the caller's back. */
async function settled<T extends readonly unknown[]>(promises: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises) as Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>;
}

/** A tenth of the nodes, two at least: those of a small cluster often share a machine, and a look must not be felt by what they run. */
function nodesAtOnce(nodes: number): number {
  return Math.min(16, Math.max(2, Math.ceil(nodes / 10)));
}
