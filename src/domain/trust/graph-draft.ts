/** A trust graph in the making: processes, inputs, edges and what is stored, each once. */

import type { FileRecord, Inventory, NodeRecord } from '../cluster/inventory.js';
import type { Content, Edge, Input, InputId, LoadPolicy, PlaceId, ProcessId, TrustGraph, TrustProcess } from './graph.js';
import { edgeId, filePlace, inputId, objectPlace } from './names.js';

export interface Draft {
  readonly inventory: Inventory;
  process(process: TrustProcess): ProcessId;
  /** Remembers what a place holds; the first word counts. */
  store(place: PlaceId, content: Content): PlaceId;
  /** An input of a process; the same name again is the same input. */
  input(process: ProcessId, what: string, read: Omit<Input, 'id' | 'process'>): InputId;
  /** A probe has shown that an input holds something else than its place. */
  loads(input: InputId, content: Content): void;
  edge(edge: Omit<Edge, 'id'>): void;
  unseen(sentence: string): void;
  done(): TrustGraph;
}

export function openDraft(inventory: Inventory): Draft {
  const processes = new Map<ProcessId, TrustProcess>();
  const inputs = new Map<InputId, Input>();
  const edges = new Map<string, Edge>();
  const stored = new Map<PlaceId, Content>();
  const loaded = new Map<InputId, Content>();
  const unseen: string[] = [];
  return {
    inventory,
    process(process) {
      if (!processes.has(process.id)) processes.set(process.id, process);
      return process.id;
    },
    store(place, content) {
      if (!stored.has(place)) stored.set(place, content);
      return place;
    },
    input(process, what, read) {
      const id = inputId(process, what);
      if (!inputs.has(id)) inputs.set(id, { id, process, ...read });
      return id;
    },
    loads: (input, content) => void loaded.set(input, content),
    edge(edge) {
      const id = edgeId(edge);
      if (!edges.has(id)) edges.set(id, { id, ...edge });
    },
    unseen: (sentence) => void unseen.push(sentence),
    done: () => ({
      processes: [...processes.values()],
      inputs: [...inputs.values()],
      edges: [...edges.values()],
      state: { stored, loaded },
      published: inventory.objects.filter(({ writer }) => writer === 'kube-controller-manager').map(objectPlace),
      unseen,
    }),
  };
}

/** Certificates of a file, as a place; empty where it is not there. */
export function storeFile(draft: Draft, node: NodeRecord, path: string): PlaceId {
  return draft.store(filePlace(node.name, path), fileAt(node, path)?.certificates.map((c) => c.fingerprint) ?? []);
}

/** Public halves of the keys in a file; of a certificate in place of a key, that of the certificate. */
export function storeKey(draft: Draft, node: NodeRecord, path: string): PlaceId {
  const file = fileAt(node, path);
  const spki = file?.keySpki ?? file?.certificates[0]?.spki;
  return draft.store(filePlace(node.name, path, 'key'), spki === undefined ? [] : [spki]);
}

/** How something is read, and whether the lab has shown that. */
export interface ReadRule {
  readonly policy: LoadPolicy;
  readonly proved?: boolean;
}

export type KubeconfigKey = 'certificate-authority' | 'certificate-authority-data' | 'client-certificate' | 'client-certificate-data';

/** The key of a pair, by the flag or field that names it. Missing: it is not named. */
export function withKey(draft: Draft, node: NodeRecord, path: string | undefined): { readonly key?: PlaceId } {
  return path ? { key: storeKey(draft, node, path) } : {};
}

export interface KubeconfigInputs {
  readonly server: string;
  readonly ca: InputId;
  /** undefined: it has no certificate. */
  readonly client?: InputId;
}

/** Both ends of a kubeconfig: embedded, or the files that it names. undefined: it is not there or has no server. */
export function kubeconfigInputs(
  draft: Draft,
  at: { readonly process: ProcessId; readonly node: NodeRecord; readonly path: string; readonly rule: (key: KubeconfigKey) => ReadRule },
): KubeconfigInputs | undefined {
  const { process, node, path, rule } = at;
  const file = fileAt(node, path);
  if (file?.server === undefined) return undefined;
  const caFile = file.refs?.['certificate-authority'];
  const clientFile = file.refs?.['client-certificate'];
  const ca = draft.input(process, `${path} ca`, {
    place:
      caFile === undefined
        ? draft.store(
            filePlace(node.name, path, 'ca'),
            file.certificates.map((c) => c.fingerprint),
          )
        : storeFile(draft, node, caFile),
    ...rule(caFile === undefined ? 'certificate-authority-data' : 'certificate-authority'),
    holds: 'trust',
  });
  const hasClient = clientFile !== undefined || file.client !== undefined;
  if (!hasClient) return { server: file.server, ca };
  const client = draft.input(process, `${path} client`, {
    place:
      clientFile === undefined ? draft.store(filePlace(node.name, path, 'client'), file.client === undefined ? [] : [file.client.fingerprint]) : storeFile(draft, node, clientFile),
    ...rule(clientFile === undefined ? 'client-certificate-data' : 'client-certificate'),
    holds: 'leaf',
  });
  return { server: file.server, ca, client };
}

/** By node and path: nodes have some fifty files, and each is asked for several times. */
const byPath = new WeakMap<NodeRecord, ReadonlyMap<string, FileRecord>>();

export function fileAt(node: NodeRecord, path: string): FileRecord | undefined {
  const files = byPath.get(node) ?? new Map(node.files.map((f) => [f.path, f]));
  byPath.set(node, files);
  return files.get(path);
}
