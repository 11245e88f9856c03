/** What a controller knows of the API: a list and watch of one kind, kept in memory (client-go: informer and lister). */

import type { StoredObject } from '../api/store.js';
import type { StagingClient } from '../client/staging-client.js';
import { pathOf, resourceOf } from './resources.js';

export type Change = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface ObjectCache {
  readonly kind: string;
  readonly isSynced: boolean;
  list(namespace?: string): StoredObject[];
  get(namespace: string | undefined, name: string): StoredObject | undefined;
  onChange(listener: (type: Change, object: StoredObject) => void): void;
  /** Called once, at once if it has been. */
  onSynced(listener: () => void): void;
  /** What this controller has just written, before the watch says so: the next look must not do it again. */
  remember(object: StoredObject): void;
  stop(): void;
}

export function watchObjects(
  client: StagingClient,
  kind: string,
  options: { readonly namespace?: string; readonly query?: string; readonly onTrouble?: (text: string) => void } = {},
): ObjectCache {
  const { apiVersion } = resourceOf(kind);
  const objects = new Map<string, StoredObject>();
  const listeners: ((type: Change, object: StoredObject) => void)[] = [];
  const waiting: (() => void)[] = [];
  let isSynced = false;

  function tell(type: Change, object: StoredObject): void {
    for (const listener of listeners) listener(type, object);
  }

  const stop = client.inform(
    pathOf(kind, { namespace: options.namespace }),
    {
      onObject(type, raw) {
        const object = { ...raw, apiVersion, kind } as unknown as StoredObject;
        const key = keyOf(object.metadata.namespace, object.metadata.name);
        const known = objects.get(key);
        if (type === 'DELETED') {
          // One of the same name may have been made since, and remembered.
          if (known !== undefined && known.metadata.uid !== object.metadata.uid && isNewer(known, object)) return tell(type, object);
          objects.delete(key);
          return tell(type, object);
        }
        if (known !== undefined && isNewer(known, object)) return;
        if (known !== undefined && known.metadata.uid !== object.metadata.uid) tell('DELETED', known);
        objects.set(key, object);
        tell(type, object);
      },
      onSynced() {
        isSynced = true;
        for (const act of waiting.splice(0)) act();
      },
      onTrouble: (text) => options.onTrouble?.(text),
    },
    options.query,
  );

  return {
    kind,
    get isSynced() {
      return isSynced;
    },
    list: (namespace) => [...objects.values()].filter((object) => namespace === undefined || object.metadata.namespace === namespace),
    get: (namespace, name) => objects.get(keyOf(namespace, name)),
    onChange: (listener) => void listeners.push(listener),
    onSynced(listener) {
      if (isSynced) listener();
      else waiting.push(listener);
    },
    remember(object) {
      const key = keyOf(object.metadata.namespace, object.metadata.name);
      const known = objects.get(key);
      if (known === undefined || !isNewer(known, object)) objects.set(key, { ...object, apiVersion, kind });
    },
    stop,
  };
}

export function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** "ns/name" or "/name" taken apart. */
export function partsOf(key: string): { readonly namespace: string; readonly name: string } {
  const at = key.indexOf('/');
  return { namespace: key.slice(0, at), name: key.slice(at + 1) };
}

function isNewer(one: StoredObject, other: StoredObject): boolean {
  return Number(one.metadata.resourceVersion) > Number(other.metadata.resourceVersion);
}
