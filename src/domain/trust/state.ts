/** What is stored where and what is loaded by whom, while the steps of a plan change it. */

import { groupByEach } from '../group-by.js';
import type { Change } from './changes.js';
import { incomingCa, keyOf, leafOf } from './certificates.js';
import type { Content, Edge, Input, InputId, PlaceId, ProcessId, TrustGraph } from './graph.js';
import { extensionTrust } from './client-edges.js';
import { objectPlace } from './names.js';

/** Before and after of what a step has changed, by place and by input; and whom it has started anew. */
export interface Changed {
  readonly places: ReadonlyMap<PlaceId, Content>;
  /** What the input had loaded before. */
  readonly inputs: ReadonlyMap<InputId, Content>;
  readonly restarted: ReadonlySet<ProcessId>;
  /** Of whom the step starts anew: inputs that it reads once and that have another content than it had loaded. */
  readonly refreshed: ReadonlyMap<ProcessId, readonly Input[]>;
  /** Processes that hold something else than what is stored now, because they read it once: with the inputs. */
  readonly behind: ReadonlyMap<ProcessId, readonly Input[]>;
}

export interface Walk {
  stored(place: PlaceId): Content;
  loaded(input: InputId): Content;
  /** What the input would load if its process were started now. */
  wouldLoad(input: InputId): Content;
  /** Applies the changes of all targets of a step; says what it was before. */
  apply(changes: readonly Change[]): Changed;
  edgesOf(inputs: Iterable<InputId>, processes: Iterable<ProcessId>): Set<Edge>;
}

const empty: Content = [];

/** In place of a certificate whose key is another: nobody can present it or sign with it. */
export const unfitPair: Content = ['unfit-pair'];

/** `spkiOf`: of a certificate that was found; undefined for what is yet to be issued, which comes with its key. */
export function walkThrough(graph: TrustGraph, outgoing: string, spkiOf: (certificate: string) => string | undefined): Walk {
  const stored = new Map(graph.state.stored);
  const loaded = new Map(graph.state.loaded);
  const places = new Map(graph.inputs.map((input) => [input.id, input.place]));
  const inputs = new Map(graph.inputs.map((input) => [input.id, input]));
  const readers = groupByEach(graph.inputs, (input) => [input.place]);
  const ofProcess = groupByEach(graph.inputs, (input) => [input.process]);
  const edgesByInput = groupByEach(graph.edges, (edge) => (edge.verifies === undefined ? [edge.presents] : [edge.presents, edge.verifies]));
  const edgesByProcess = groupByEach(graph.edges, (edge) => [edge.client, edge.server]);
  const at = (place: PlaceId): Content => stored.get(place) ?? empty;
  const readersOfKey = groupByEach(graph.inputs, ({ key }) => (key === undefined ? [] : [key]));
  const fits = ({ id, key }: Input): boolean => {
    const [certificate] = at(places.get(id) ?? '');
    const own = certificate === undefined || key === undefined ? undefined : spkiOf(certificate);
    const keys = key === undefined ? empty : at(key);
    return own === undefined || keys.length === 0 || keys.includes(own) || keys.some((one) => one.startsWith('key-of:'));
  };
  const wouldLoad = (id: InputId): Content => {
    const input = inputs.get(id);
    return input === undefined || fits(input) ? at(places.get(id) ?? '') : unfitPair;
  };
  const load = (input: InputId): Content => loaded.get(input) ?? wouldLoad(input);
  const kubeControllers = graph.inputs.filter(({ id }) => /^kube-controller-manager@\S+ root-ca-file$/.test(id));
  const clientTrust = graph.inputs.filter(({ id }) => /^kube-apiserver@\S+ client-ca-file$/.test(id));

  return {
    stored: at,
    loaded: load,
    wouldLoad,
    edgesOf(some, processes) {
      const found = new Set<Edge>();
      for (const input of some) for (const edge of edgesByInput.get(input) ?? []) found.add(edge);
      for (const process of processes) for (const edge of edgesByProcess.get(process) ?? []) found.add(edge);
      return found;
    },
    apply(changes) {
      const before = { places: new Map<PlaceId, Content>(), inputs: new Map<InputId, Content>() };
      const restarted = new Set<ProcessId>();
      const touched = new Set<InputId>();
      const put = (place: PlaceId, content: Content): void => {
        const was = at(place);
        if (same(was, content)) return;
        if (!before.places.has(place)) before.places.set(place, was);
        const reading = [...(readers.get(place) ?? []).filter(({ id }) => places.get(id) === place), ...(readersOfKey.get(place) ?? [])];
        const held = reading.map((input) => [input, load(input.id)] as const);
        for (const { id } of reading) remember(id);
        stored.set(place, content);
        for (const [input, was] of held) {
          touched.add(input.id);
          // What is read once stays as it was loaded; so does a pair of which only one half has come, but where it is read with each handshake.
          const stays = input.policy === 'once' || input.policy === 'memory' || (input.policy !== 'per-handshake' && !fits(input));
          if (stays) loaded.set(input.id, was);
          else loaded.delete(input.id);
        }
      };
      const remember = (input: InputId): void => {
        if (!before.inputs.has(input)) before.inputs.set(input, load(input));
      };
      const restart = (process: ProcessId): void => {
        restarted.add(process);
        for (const { id } of ofProcess.get(process) ?? []) {
          remember(id);
          loaded.delete(id);
        }
      };
      for (const change of changes) {
        if (change.type === 'restart') restart(change.process);
        else if (change.type === 'read') {
          const input = inputs.get(change.input);
          if (input === undefined) continue;
          remember(change.input);
          loaded.set(change.input, load(change.input));
          places.set(change.input, change.from);
          readers.set(change.from, [...(readers.get(change.from) ?? []), input]);
          touched.add(change.input);
        } else for (const [place, content] of written(change, at, outgoing)) put(place, content);
      }
      if (kubeControllers.some(({ process }) => restarted.has(process))) {
        // The leader writes what it read at its start to all namespaces and token Secrets (rootcacertpublisher, tokens_controller).
        const last = kubeControllers.findLast(({ process }) => restarted.has(process));
        const content = last === undefined ? empty : load(last.id);
        if (content.length > 0) for (const place of graph.published) put(place, content);
      }
      // API servers add what they verify clients with to what is there (clusterauthenticationtrust combineCertLists).
      const extension = objectPlace({ ...extensionTrust, field: '/data/client-ca-file' });
      if (stored.has(extension)) put(extension, [...new Set([...at(extension), ...clientTrust.flatMap(({ id }) => load(id))])]);
      const refreshed = new Map<ProcessId, Input[]>();
      for (const [id, was] of before.inputs) {
        const input = inputs.get(id);
        if (input === undefined || (input.policy !== 'once' && input.policy !== 'memory') || !restarted.has(input.process) || same(was, load(id))) continue;
        refreshed.set(input.process, [...(refreshed.get(input.process) ?? []), input]);
      }
      const behind = new Map<ProcessId, Input[]>();
      for (const id of touched) {
        const input = inputs.get(id);
        if (input === undefined || same(load(id), wouldLoad(id))) continue;
        behind.set(input.process, [...(behind.get(input.process) ?? []), input]);
      }
      return { ...before, restarted, refreshed, behind };
    },
  };
}

function written(change: Exclude<Change, { type: 'restart' | 'read' }>, at: (place: PlaceId) => Content, outgoing: string): readonly (readonly [PlaceId, Content])[] {
  if (change.type === 'put') return [[change.place, change.content]];
  if (change.type === 'remove') return [[change.place, empty]];
  if (change.type === 'copy') return [[change.to, at(change.from)]];
  const before = at(change.place);
  const id = (ca: 'outgoing' | 'incoming'): string => (ca === 'outgoing' ? outgoing : incomingCa);
  if (change.type === 'trust') return [[change.place, exchanged(before, change.cas.map(id), [outgoing, incomingCa])]];
  if (change.type === 'key') return [[change.place, before.map((key) => (key.startsWith('key-of:') ? key : keyOf(id(change.ca), key)))]];
  const [leaf] = before;
  // What hangs behind a leaf of the rotation's own CA (the CA itself) follows it.
  return leaf === undefined
    ? []
    : [[change.place, [leafOf(id(change.ca), sourceOf(leaf)), ...exchanged(before.slice(1), before.includes(outgoing) ? [id(change.ca)] : [], [outgoing, incomingCa])]]];
}

/** The CAs of the rotation where the first of them stood; others keep their places. */
function exchanged(before: Content, wanted: Content, own: readonly string[]): Content {
  const first = before.findIndex((id) => own.includes(id));
  const others = before.filter((id) => !own.includes(id));
  const ahead = first < 0 ? others.length : before.slice(0, first).filter((id) => !own.includes(id)).length;
  return [...others.slice(0, ahead), ...wanted, ...others.slice(ahead)];
}

/** A leaf that is issued again stands for the one that was found. */
function sourceOf(leaf: string): string {
  return /^leaf-of:[^:]*:(.*)$/s.exec(leaf)?.[1] ?? leaf;
}

export function same(one: Content, other: Content): boolean {
  return one.length === other.length && one.every((id, i) => id === other[i]);
}
