/** The store in memory: revisions, generations, conditions, events and a bounded history of them. */

import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { builtInKind, qualified, qualifiedKind, splitApiVersion } from './resource-table.js';
import { type Key, type NewObject, type Store, type StoredObject, type StoreEvent, StoreRefusal } from './store.js';

type Recorded = StoreEvent & { readonly revision: number };
type Metadata = StoredObject['metadata'];

/** The real limit is the compaction of etcd every 5 min; a count bounds memory as well. */
const defaultHistory = 20_000;

/** Empty. `history` is the number of events that watches can go back. */
export function createStore(options: { readonly history?: number } = {}): Store {
  const kept = options.history ?? defaultHistory;
  const kinds = new Map<string, Map<string, StoredObject>>();
  /** Keys of a kind in their order, until one comes or goes: lists are asked for far more often. */
  const ordered = new WeakMap<Map<string, StoredObject>, readonly string[]>();
  const listeners = new Set<(event: StoreEvent) => void>();
  const pending: StoreEvent[] = [];
  let history: Recorded[] = [];
  /** Events up to this revision are gone. */
  let forgotten = 0;
  let revision = 0;
  let telling = false;

  function ofKind(apiVersion: string, kind: string): Map<string, StoredObject> {
    const id = `${apiVersion} ${kind}`;
    const found = kinds.get(id);
    if (found !== undefined) return found;
    const made = new Map<string, StoredObject>();
    kinds.set(id, made);
    return made;
  }

  function keysOf(objects: Map<string, StoredObject>): readonly string[] {
    const known = ordered.get(objects);
    if (known !== undefined) return known;
    // In the order of etcd's keys.
    const keys = [...objects.keys()].sort(order);
    ordered.set(objects, keys);
    return keys;
  }

  function place(objects: Map<string, StoredObject>, object: StoredObject): void {
    const id = idOf(object.metadata);
    if (!objects.has(id)) ordered.delete(objects);
    objects.set(id, object);
  }

  function record(type: StoreEvent['type'], object: StoredObject): void {
    history.push({ type, object, revision });
    if (history.length > kept * 1.2) {
      const cut = history.length - kept;
      forgotten = history[cut - 1]?.revision ?? forgotten;
      history = history.slice(cut);
    }
    pending.push({ type, object });
    if (telling) return;
    telling = true;
    try {
      // A listener that writes adds to the queue: everybody sees the same order.
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) for (const listener of [...listeners]) listener(next);
    } finally {
      telling = false;
    }
  }

  function put(type: 'ADDED' | 'MODIFIED', object: NewObject | StoredObject, metadata: Omit<Metadata, 'resourceVersion'>): StoredObject {
    revision += 1;
    const { apiVersion, kind, metadata: _, ...rest } = object;
    const stored = frozen({ apiVersion, kind, metadata: { ...metadata, resourceVersion: String(revision) }, ...rest } as StoredObject);
    place(ofKind(stored.apiVersion, stored.kind), stored);
    record(type, stored);
    return stored;
  }

  function create(given: NewObject): StoredObject {
    const object = plain(given);
    const name = object.metadata.name || `${object.metadata.generateName ?? ''}${suffix()}`;
    const { resourceVersion: _, uid: __, generation: ___, ...metadata } = object.metadata;
    if (ofKind(object.apiVersion, object.kind).has(idOf({ ...metadata, name }))) throw new StoreRefusal('AlreadyExists', `${named(object, name)} already exists`);
    const generation = builtInKind(object.apiVersion, object.kind)?.generation === false ? {} : { generation: 1 };
    const creationTimestamp = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    return put('ADDED', object, { ...metadata, name, uid: randomUUID(), creationTimestamp, ...generation });
  }

  function update(given: NewObject): StoredObject {
    const object = plain(given);
    const name = object.metadata.name ?? '';
    const before = ofKind(object.apiVersion, object.kind).get(idOf({ ...object.metadata, name }));
    if (before === undefined) throw new StoreRefusal('NotFound', `${named(object, name)} not found`);
    check(object, before.metadata, object.metadata.resourceVersion, object.metadata.uid);
    refuseImmutable(object, before);
    const { uid, creationTimestamp, generation, deletionTimestamp } = before.metadata;
    const bumped = generation === undefined ? {} : { generation: isDeepStrictEqual(meant(before), meant(object)) ? generation : generation + 1 };
    const { generation: _, resourceVersion: __, ...metadata } = object.metadata;
    const after = {
      ...object,
      metadata: { ...metadata, name, uid, creationTimestamp, ...bumped, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    };
    const { resourceVersion: ___, ...metadataBefore } = before.metadata;
    if (isDeepStrictEqual(plain({ ...before, metadata: metadataBefore }), plain(after))) return before;
    return put('MODIFIED', after, after.metadata);
  }

  function remove(key: Key, condition: { readonly uid?: string; readonly resourceVersion?: string } = {}): StoredObject | undefined {
    const before = ofKind(key.apiVersion, key.kind).get(idOf(key));
    if (before === undefined) return undefined;
    check(before, before.metadata, condition.resourceVersion, condition.uid);
    const objects = ofKind(key.apiVersion, key.kind);
    objects.delete(idOf(key));
    ordered.delete(objects);
    revision += 1;
    const last = frozen({ ...before, metadata: { ...before.metadata, resourceVersion: String(revision) } });
    record('DELETED', last);
    return last;
  }

  /** What is alike stays as it is; the rest becomes events, so that watches of a running cluster follow. */
  function load(dump: string): void {
    const loaded = JSON.parse(dump) as { readonly revision: number; readonly objects: readonly StoredObject[] };
    const wanted = new Map(loaded.objects.map((object) => [wholeId(object), object]));
    const present = [...kinds.values()].flatMap((objects) => [...objects.values()]);
    const empty = revision === 0 && present.length === 0;
    for (const { apiVersion, kind, metadata } of present) {
      if (!wanted.has(wholeId({ apiVersion, kind, metadata }))) remove({ apiVersion, kind, ...metadata });
    }
    for (const object of loaded.objects) {
      const objects = ofKind(object.apiVersion, object.kind);
      const before = objects.get(idOf(object.metadata));
      if (empty) place(objects, frozen(object));
      else if (before === undefined || !isDeepStrictEqual(before, object)) put(before === undefined ? 'ADDED' : 'MODIFIED', object, object.metadata);
    }
    if (empty) forgotten = loaded.revision;
    revision = Math.max(revision, loaded.revision);
  }

  return {
    get revision() {
      return revision;
    },
    get: (key) => ofKind(key.apiVersion, key.kind).get(idOf(key)),
    list: ({ apiVersion, kind, namespace }) => {
      const objects = ofKind(apiVersion, kind);
      const keys = keysOf(objects);
      const inside = namespace === undefined ? keys : keys.filter((key) => key.startsWith(`${namespace}/`));
      return inside.map((key) => objects.get(key) as StoredObject);
    },
    create,
    update,
    remove,
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    since(from) {
      if (from < forgotten) return undefined;
      let low = 0;
      for (let high = history.length; low < high; ) {
        const middle = (low + high) >> 1;
        if ((history[middle]?.revision ?? 0) <= from) low = middle + 1;
        else high = middle;
      }
      return history.slice(low);
    },
    dump: () => JSON.stringify({ revision, objects: [...kinds.values()].flatMap((objects) => [...objects.values()]) }),
    load,
  };
}

function check(object: { readonly apiVersion: string; readonly kind: string }, before: Metadata, resourceVersion: string | undefined, uid: string | undefined): void {
  const cannot = `Operation cannot be fulfilled on ${named(object, before.name)}`;
  if (uid !== undefined && uid !== '' && uid !== before.uid) {
    throw new StoreRefusal('Conflict', `${cannot}: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== before.resourceVersion) {
    throw new StoreRefusal('Conflict', `${cannot}: the object has been modified; please apply your changes to the latest version and try again`);
  }
}

/** k/k pkg/apis/core/validation/validation.go ValidateSecretUpdate, ValidateConfigMapUpdate. */
function refuseImmutable(object: NewObject, before: StoredObject): void {
  if (before.immutable !== true || object.apiVersion !== 'v1') return;
  const changed = ['data', 'binaryData'].filter((field) => !isDeepStrictEqual(object[field] ?? {}, before[field] ?? {}));
  const fields = [...(object.immutable === true ? [] : ['immutable']), ...changed];
  if (fields.length === 0) return;
  const causes = fields.map((field) => `${field}: Forbidden: field is immutable when \`immutable\` is set`);
  const text = causes.length === 1 ? causes[0] : `[${causes.join(', ')}]`;
  throw new StoreRefusal('Invalid', `${qualifiedKind({ ...splitApiVersion(object.apiVersion), kind: object.kind })} "${before.metadata.name}" is invalid: ${text}`);
}

/** What counts for metadata.generation: all that is neither metadata nor status. */
function meant(object: NewObject | StoredObject): unknown {
  const { metadata: _, status: __, apiVersion: ___, kind: ____, ...rest } = object;
  return rest;
}

/** A copy as JSON keeps it, with a Secret's stringData written into its data. */
function plain(given: NewObject): NewObject {
  const object = JSON.parse(JSON.stringify(given)) as NewObject;
  if (object.apiVersion !== 'v1' || object.kind !== 'Secret' || object.stringData === undefined) return object;
  const { stringData, ...rest } = object;
  const encoded = Object.entries((stringData ?? {}) as Record<string, string>).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]);
  return { ...rest, data: { ...(object.data as object | undefined), ...Object.fromEntries(encoded) } } as NewObject;
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}

function named(object: { readonly apiVersion: string; readonly kind: string }, name: string): string {
  const { group } = splitApiVersion(object.apiVersion);
  const plural = builtInKind(object.apiVersion, object.kind)?.plural ?? `${object.kind.toLowerCase()}s`;
  return `${qualified({ group, plural })} "${name}"`;
}

function idOf({ namespace, name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace ?? ''}/${name}`;
}

function wholeId({ apiVersion, kind, metadata }: { readonly apiVersion: string; readonly kind: string; readonly metadata: Metadata }): string {
  return `${apiVersion} ${kind} ${idOf(metadata)}`;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** apiserver pkg/storage/names: five characters without vowels and look-alikes. */
function suffix(): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  return [...randomBytes(5)].map((byte) => letters[byte % letters.length]).join('');
}
