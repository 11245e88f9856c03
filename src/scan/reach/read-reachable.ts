/** Reads certificates from whatever can be reached: nodes, the API, or one of them. What cannot be looked at is said, and does not keep the rest away. */

import type { Host, ObjectRecord, ScanFinding, Unseen } from '../../domain/cluster/inventory.js';
import type { Reached, ReachedNode } from '../../domain/expiry/expiry.js';
import { failuresOf, type RotationError } from '../../domain/errors.js';
import type { Kube } from '../../ports/kube.js';
import type { Shells } from '../../ports/node-shell.js';
import { collectScript } from '../files/script.js';
import { readFindings } from '../files/read-files.js';
import { certificatesIn } from '../objects/certificates-in.js';
import { byText } from '../objects/order.js';
import { kindsWithCas } from '../objects/read-objects.js';
import { componentsOf } from '../processes/components.js';

export interface ReachOptions {
  readonly hosts: readonly Host[];
  /** Needed where there are hosts. */
  readonly shells?: Shells;
  readonly kube?: Kube;
  readonly signal?: AbortSignal;
  /** For the files of one node, and for each call to the API. Default 60,000. */
  readonly deadlineMs?: number;
}

interface Call {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

const nodesAtOnce = 8;

/** Nodes in the order of the hosts, objects by kind, namespace, name and field. Throws interrupted, and defects. */
export async function readReachable({ hosts, shells, kube, deadlineMs = 60_000, signal }: ReachOptions): Promise<Reached> {
  const call = { deadlineMs, ...(signal === undefined ? {} : { signal }) };
  const unseen: Unseen[] = [];
  const findings: ScanFinding[] = [];
  const tolerate = (place: string, error: unknown): undefined => {
    const [first] = failuresOf(error) ?? [];
    if (first === undefined || first.code === 'interrupted') throw error;
    const why = `${first.code}: ${first.summary}${first.cause === '' ? '' : `: ${first.cause}`}. ${first.nextAction}`;
    // The API that cannot be reached says so for each kind: once is enough.
    if (!unseen.some((one) => one.why === why)) unseen.push({ place, why });
    return undefined;
  };
  const nodes = new Map<string, ReachedNode>();
  const waiting = [...hosts];
  const worker = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined && shells !== undefined; host = waiting.shift()) {
      const { name } = host;
      const node = await readNode(name, shells, call, findings).catch((error) => tolerate(name, error));
      if (node !== undefined) nodes.set(name, node);
    }
  };
  const lists = kube === undefined ? [] : kindsWithCas.map((kind) => readKind(kube, kind, call).catch((error) => tolerate(`API: ${kind.kind}`, error)));
  const [objects] = await Promise.all([Promise.all(lists), Promise.all(Array.from({ length: nodesAtOnce }, worker))]);
  return {
    nodes: hosts.flatMap(({ name }) => nodes.get(name) ?? []),
    objects: objects.flatMap((list) => list ?? []),
    findings,
    unseen: unseen.sort(byText(({ place }) => place)),
  };
}

async function readNode(name: string, shells: Shells, call: Call, findings: ScanFinding[]): Promise<ReachedNode> {
  const found = readFindings(name, await shells.to(name).must(collectScript, call));
  const node = { name, kubernetesDir: '/etc/kubernetes', files: found.files };
  const onBroken = ({ failures }: RotationError): void => {
    for (const { target, summary } of failures)
      findings.push({ code: 'manifest-broken', place: `${name}:${target}`, meaning: `${summary}: what the component reads is not known` });
  };
  return { ...node, components: componentsOf(found, '', onBroken) };
}

async function readKind(kube: Kube, kind: { readonly apiVersion: string; readonly kind: string }, call: Call): Promise<ObjectRecord[]> {
  const objects = await kube.list(kind, call);
  return objects.flatMap((object) => certificatesIn({ ...object, ...kind })).toSorted(byText(({ namespace, name, field }) => [namespace, name, field].join('\0')));
}
