/** Processes of a frame that are of one kind share a box. */

import type { EdgeClass, ProcessId, TrustGraph, TrustProcess } from '../domain/trust/graph.js';
import { groupBy } from '../domain/group-by.js';
import { componentName } from './frames.js';
import { inOrder } from './names.js';
import type { Box, Frame } from './picture.js';

/** Components by their name, all others by what they do: pods and kubeconfigs whose edges are of the same classes are one box. */
export function boxesOf(graph: TrustGraph, frames: readonly Frame[]): Box[] {
  const frameOf = new Map(frames.flatMap(({ id, hosts }) => hosts.map((host) => [host, id] as const)));
  const classes = classesByProcess(graph);
  const placed = graph.processes.map((process) => {
    const frame = process.node === undefined ? 'f0' : (frameOf.get(process.node) ?? 'f0');
    return { process, frame, key: `${frame}\n${process.kind}\n${sortOf(process, classes)}` };
  });
  return groupBy(placed, ({ key }) => key).map((group, n) => ({
    id: `b${n + 1}`,
    frame: group[0]?.frame ?? 'f0',
    title: titleOf(group.map(({ process }) => process)),
    processes: group.map(({ process }) => process.id),
  }));
}

function classesByProcess(graph: TrustGraph): Map<ProcessId, Set<EdgeClass>> {
  const found = new Map<ProcessId, Set<EdgeClass>>();
  for (const edge of graph.edges) {
    for (const end of [edge.client, edge.server]) {
      const set = found.get(end);
      if (set === undefined) found.set(end, new Set([edge.class]));
      else set.add(edge.class);
    }
  }
  return found;
}

function sortOf(process: TrustProcess, classes: ReadonlyMap<ProcessId, ReadonlySet<EdgeClass>>): string {
  if (process.kind === 'component') return componentName(process);
  const does = [...(classes.get(process.id) ?? [])].sort().join(' ');
  return process.kind === 'served' ? `${firstWord(process.id)} ${does}` : does;
}

function titleOf(processes: readonly TrustProcess[]): string {
  const [first] = processes;
  if (first === undefined) return '';
  switch (first.kind) {
    case 'component':
      return componentName(first);
    case 'pod':
      return namesOr(processes.map(podName), 'pods');
    case 'kubeconfig':
      return namesOr(
        processes.map((process) => (process.id.startsWith('kubeconfig ') ? process.id.slice(process.id.lastIndexOf('/') + 1) : componentName(process))),
        'kubeconfigs',
      );
    case 'served':
      return processes.length === 1 ? first.id : `${firstWord(first.id)}s`;
    case 'engine':
      return 'rotate-ca';
    case 'outside':
      if (processes.every(({ id }) => id.startsWith('holder '))) return 'holders of copies';
      return namesOr(
        processes.map(({ id }) => id),
        'outside',
      );
  }
}

function namesOr(names: readonly string[], many: string): string {
  const all = inOrder(new Set(names));
  return all.length <= 2 ? all.join(', ') : many;
}

/** `pod kube-system/coredns-668d6bf9bc-abcde` to `coredns`: what a controller appends is letters without vowels, and digits. */
function podName({ id, node }: TrustProcess): string {
  const name = id.slice(id.indexOf('/') + 1);
  if (node !== undefined && name.endsWith(`-${node}`)) return name.slice(0, -node.length - 1);
  return name.replace(/-[bcdfghjklmnpqrstvwxz2456789]{5}$/, '').replace(/-[bcdfghjklmnpqrstvwxz2456789]{8,10}$/, '') || name;
}

function firstWord(text: string): string {
  return text.split(' ')[0] ?? text;
}
