/** Hosts that are alike share a frame: the same components, which hold CAs of the same generations, and whose edges fail in the same classes. */

import { groupBy } from '../domain/group-by.js';
import type { Edge, TrustProcess } from '../domain/trust/graph.js';
import type { PictureInput } from './input.js';
import { inOrder, shortNames } from './names.js';
import type { Frame } from './picture.js';

/** More different states than this and the picture is full of frames: then only the components count. */
const mostFrames = 12;

/** One frame for hosts that are alike, in the order of hosts; control planes, which have more components, first. The last has no title: it is for what is on no host. */
export function framesOf(input: PictureInput): Frame[] {
  const components = componentsByHost(input.graph.processes);
  const hosts = inOrder(components.keys());
  const states = statesOf(input, components);
  const shapes = new Map(hosts.map((host) => [host, [...(components.get(host) ?? [])].sort().join(' ')]));
  const byState = groupBy(hosts, (host) => `${shapes.get(host)}\n${states.get(host)}`);
  const groups = byState.length > mostFrames ? groupBy(hosts, (host) => shapes.get(host) ?? '') : byState;
  const sizeOf = (group: readonly string[]): number => components.get(group[0] ?? '')?.size ?? 0;
  const sorted = [...groups].sort((a, b) => sizeOf(b) - sizeOf(a));
  return [...sorted.map((group, n) => ({ id: `f${n + 1}`, title: shortNames(group), hosts: group })), { id: 'f0', title: '', hosts: [] }];
}

/** Pods come and go, and kubeconfigs lie where somebody put them: neither makes a host another kind of host. */
function componentsByHost(processes: readonly TrustProcess[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const process of processes) {
    if (process.node === undefined) continue;
    const set = found.get(process.node) ?? new Set<string>();
    found.set(process.node, set);
    if (process.kind === 'component') set.add(componentName(process));
  }
  return found;
}

export function componentName({ id }: Pick<TrustProcess, 'id'>): string {
  const at = id.lastIndexOf('@');
  return at < 0 ? id : id.slice(0, at);
}

function statesOf({ graph, proof, caOf }: PictureInput, components: ReadonlyMap<string, unknown>): Map<string, string> {
  const facts = new Map<string, Set<string>>([...components.keys()].map((host) => [host, new Set()]));
  const processes = new Map(graph.processes.map((process) => [process.id, process]));
  const note = (process: TrustProcess | undefined, fact: string): void => {
    if (process?.kind === 'component' && process.node !== undefined) facts.get(process.node)?.add(`${componentName(process)} ${fact}`);
  };
  for (const input of graph.inputs) {
    const stored = graph.state.stored.get(input.place);
    if (stored === undefined || input.holds === 'keys') continue;
    const loaded = graph.state.loaded.get(input.id) ?? stored;
    const name = input.id.slice(input.process.length);
    note(processes.get(input.process), `${name} ${written(stored, caOf)} ${written(loaded, caOf)}`);
  }
  const edges = new Map(graph.edges.map((edge) => [edge.id, edge]));
  for (const { edge: id, verdict } of [...proof.before, ...proof.steps.flatMap(({ findings }) => findings)]) {
    // What all pass through on their turn, one host after another, makes no host another.
    if (verdict !== 'break' && verdict !== 'latent') continue;
    const edge = edges.get(id);
    if (edge === undefined) continue;
    for (const end of endsOf(edge)) note(processes.get(end), `${edge.class} ${edge.leg} ${verdict}`);
  }
  return new Map([...facts].map(([host, set]) => [host, [...set].sort().join('\n')]));
}

function endsOf(edge: Edge): string[] {
  return [edge.client, edge.server];
}

function written(content: readonly string[], caOf: PictureInput['caOf']): string {
  return content.map((id) => caOf(id)?.generation ?? '?').join('+');
}
