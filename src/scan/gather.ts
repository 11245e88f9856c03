/** What both scans read: nodes and API at the same time. Whatever fails is collected; who takes it decides what that means. */

import type { ClusterRecord, Host, NodeRecord, ObjectRecord } from '../domain/cluster/inventory.js';
import { type Failure, fail, failuresOf, RotationError } from '../domain/errors.js';
import type { Kube, KubeObject } from '../ports/kube.js';
import type { Shells } from '../ports/node-shell.js';
import { type CertificatePool, openPool } from './certificate-pool.js';
import { type NodeFindings, readFindings } from './files/read-files.js';
import { type ClusterNode, clusterNodeOf, unmatched } from './hosts-and-nodes.js';
import { listObjects, recordsIn } from './objects/read-objects.js';
import { componentsOf } from './processes/components.js';

export interface GatherOptions {
  readonly hosts: readonly Host[];
  readonly shells: Shells;
  readonly kube: Kube;
  readonly signal?: AbortSignal;
  /** Run on each host; its output is what `readFindings` reads. */
  readonly script: string;
  /** Gets what the script has printed, too. */
  onOutput?(host: string, output: string): void;
  /** For the files of one node, and for each call to the API. Default 60,000. */
  readonly deadlineMs?: number;
  /** Nodes that are read at the same time. Default: a tenth of them, 2 to 16. */
  readonly atOnce?: number;
}

export interface Call {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** `place`: a host, or a kind of object. Throws whatever is no expected failure. */
export type Collect = (place: string, error: unknown) => undefined;

export interface Gathered {
  /** undefined: the API did not say. */
  readonly cluster: ClusterRecord | undefined;
  readonly nodes: readonly NodeRecord[];
  readonly findings: ReadonlyMap<string, NodeFindings>;
  /** As the API has them, of every kind that may hold a CA. Secrets too: to be looked at and forgotten. */
  readonly raw: readonly KubeObject[];
  readonly objects: readonly ObjectRecord[];
  readonly pool: CertificatePool;
  readonly failures: readonly { readonly place: string; readonly failure: Failure }[];
  readonly collect: Collect;
  readonly call: Call;
}

/** `alone`: a host of which the API has no Node becomes a record all the same. Throws `interrupted`. */
export async function gather(options: GatherOptions & { readonly alone: boolean; readonly pool?: CertificatePool }): Promise<Gathered> {
  const { hosts, kube, pool = openPool(), deadlineMs = 60_000, signal } = options;
  const call = { deadlineMs, ...(signal === undefined ? {} : { signal }) };
  const failures: { place: string; failure: Failure }[] = [];
  const collect: Collect = (place, error) => {
    const expected = failuresOf(error);
    if (expected === undefined) throw error;
    const interrupted = expected.find(({ code }) => code === 'interrupted');
    failures.push(...(interrupted === undefined ? expected : [interrupted]).map((failure) => ({ place, failure })));
    return undefined;
  };
  const [cluster, nodes, raw, findings] = await settled([
    readCluster(kube, call).catch((error: unknown) => collect('cluster', error)),
    kube
      .list({ apiVersion: 'v1', kind: 'Node' }, call)
      .then((list) => list.map(clusterNodeOf))
      .catch((error: unknown) => collect('Node', error)),
    listObjects(kube, call, collect),
    readHosts(options, call, pool, collect),
  ] as const);
  const objects = recordsIn(raw, pool);
  if (nodes !== undefined) failures.push(...unmatched(hosts, nodes).map((failure) => ({ place: failure.target, failure })));
  const records = hosts.flatMap((host): NodeRecord[] => {
    const node = nodes?.find(({ name }) => name === host.name) ?? (options.alone ? { name: host.name, roles: ['worker'], internalIp: '', kubeletVersion: '' } : undefined);
    const found = findings.get(host.name);
    if (node === undefined || found === undefined) return [];
    return [recordOf(host, node, found, (error) => collect(host.name, named(host, error)))];
  });
  const interrupted = failures.find(({ failure }) => failure.code === 'interrupted');
  if (interrupted !== undefined) throw new RotationError(interrupted.failure);
  return { cluster, nodes: records, findings, raw, objects, pool, failures, collect, call };
}

async function readCluster(kube: Kube, call: Call): Promise<ClusterRecord> {
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
async function readHosts(options: GatherOptions, call: Call, pool: CertificatePool, collect: Collect): Promise<Map<string, NodeFindings>> {
  const { hosts, shells, script, atOnce = nodesAtOnce(options.hosts.length) } = options;
  const found = new Map<string, NodeFindings>();
  await eachAtOnce(hosts, atOnce, async ({ name }) => {
    try {
      const output = await readHost(shells, name, script, call);
      found.set(name, readFindings(name, output, pool));
      options.onOutput?.(name, output);
    } catch (error) {
      collect(name, error);
    }
  });
  return found;
}

/** As a queue with so many at its window; rejects when all have ended. */
export async function eachAtOnce<T>(items: readonly T[], atOnce: number, one: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await one(item);
  };
  await settled(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

/** A line that is lost while we only read is no news about the node: it is asked once more over a new one. */
async function readHost(shells: Shells, name: string, script: string, call: Call): Promise<string> {
  try {
    return await shells.to(name).must(script, call);
  } catch (error) {
    if (failuresOf(error)?.[0]?.code !== 'ssh-lost') throw error;
    return shells.to(name).must(script, call);
  }
}

function recordOf(host: Host, node: ClusterNode, findings: NodeFindings, onBroken: (error: RotationError) => void): NodeRecord {
  const { tools } = findings;
  const components = componentsOf(findings, node.kubeletVersion, onBroken);
  return {
    ...node,
    // Where clusters are made by hand nobody may have labelled the node.
    roles: components.some(({ name }) => name === 'kube-apiserver') ? ['control-plane'] : node.roles,
    host,
    files: findings.files,
    components: components.map((component) => {
      const startedAtMs = findings.startedAtMs.get(component.name);
      return startedAtMs === undefined ? component : { ...component, startedAtMs };
    }),
    tools: { openssl: tools.has('openssl'), ctr: tools.has('ctr'), crictl: tools.has('crictl'), kubeadm: tools.has('kubeadm') },
  };
}

/** The parser of a manifest knows the path but not the host. */
function named(host: Host, { failures }: RotationError): RotationError {
  return new RotationError(failures.map((f) => ({ ...f, target: `${host.name}:${f.target}` })));
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
