/** Hands the store's events to open watches, while the server's etcd member serves it; what came in between follows afterwards. */

import type { Store, StoredObject, StoreEvent } from './store.js';

export interface WatchHub {
  /**
   * Events of one kind, after those that a new watch has seen already; with `nodeName` only those of pods on that node, which never go to another
   * (k/k pkg/registry/core/pod/strategy.go NodeNameTriggerFunc): each of hundreds of kubelets is told of its own pods. Returns what ends it.
   */
  follow(apiVersion: string, kind: string, listener: (event: StoreEvent) => void, nodeName?: string): () => void;
  /** Events up to here have been handed on. */
  readonly revision: number;
  /** The member serves again. */
  catchUp(): void;
  /** Called when the events in between are gone: watches must begin anew. Returns what ends it. */
  onLost(listener: () => void): () => void;
  stop(): void;
}

export function createWatchHub(store: Store, isHealthy: () => boolean): WatchHub {
  const followers = new Map<string, Set<(event: StoreEvent) => void>>();
  const lostListeners = new Set<() => void>();
  let revision = store.revision;
  let behind = false;

  function hand(event: StoreEvent, at: number): void {
    revision = at;
    const nodeName = nodeNameOf(event.object);
    const ids = [idOf(event.object.apiVersion, event.object.kind), ...(nodeName === undefined ? [] : [idOf(event.object.apiVersion, event.object.kind, nodeName)])];
    for (const id of ids) for (const listener of [...(followers.get(id) ?? [])]) listener(event);
  }

  const off = store.onEvent((event) => {
    if (!isHealthy()) behind = true;
    else if (!behind) hand(event, Number(event.object.metadata.resourceVersion));
  });

  return {
    follow(apiVersion, kind, listener, nodeName) {
      const id = idOf(apiVersion, kind, nodeName);
      const set = followers.get(id) ?? new Set();
      followers.set(id, set.add(listener));
      return () => set.delete(listener);
    },
    get revision() {
      return revision;
    },
    catchUp() {
      if (!behind) return;
      behind = false;
      const missed = store.since(revision);
      if (missed === undefined) {
        revision = store.revision;
        for (const listener of [...lostListeners]) listener();
        return;
      }
      for (const event of missed) hand(event, event.revision);
    },
    onLost(listener) {
      lostListeners.add(listener);
      return () => lostListeners.delete(listener);
    },
    stop() {
      off();
      followers.clear();
    },
  };
}

function idOf(apiVersion: string, kind: string, nodeName?: string): string {
  return nodeName === undefined ? `${apiVersion} ${kind}` : `${apiVersion} ${kind} on ${nodeName}`;
}

function nodeNameOf({ kind, spec }: StoredObject): string | undefined {
  return kind === 'Pod' ? (spec as { readonly nodeName?: string } | undefined)?.nodeName : undefined;
}
