/** The objects of a staging cluster: what etcd holds. One for all members; resourceVersion is its revision. */

export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string; readonly controller?: boolean }[];
    readonly deletionTimestamp?: string;
  };
  // Below this objects differ by kind.
  readonly [field: string]: unknown;
}

/** What a writer gives: uid, resourceVersion and creationTimestamp are the store's. A resourceVersion that is given is a condition. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Partial<StoredObject['metadata']> & { readonly name?: string; readonly generateName?: string };
  readonly [field: string]: unknown;
}

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
}

export interface Key {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** Refused writes throw StoreRefusal with the reason of the real API. */
export class StoreRefusal extends Error {
  readonly reason: 'Conflict' | 'AlreadyExists' | 'NotFound' | 'Invalid';

  constructor(reason: StoreRefusal['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Store {
  readonly revision: number;
  get(key: Key): StoredObject | undefined;
  list(of: { readonly apiVersion: string; readonly kind: string; readonly namespace?: string }): StoredObject[];
  create(object: NewObject): StoredObject;
  /** Bumps metadata.generation when `spec` changed; does nothing, not even a new revision, when nothing changed. */
  update(object: NewObject): StoredObject;
  remove(key: Key, condition?: { readonly uid?: string; readonly resourceVersion?: string }): StoredObject | undefined;
  /** Every change, in order, synchronously after it. */
  onEvent(listener: (event: StoreEvent) => void): () => void;
  /** Events after a revision, for watches; undefined if they are gone (410). */
  since(revision: number): readonly (StoreEvent & { readonly revision: number })[] | undefined;
  dump(): string;
  load(dump: string): void;
}
