/** Hands the store's events to open watches, while the server's etcd member serves it; what came in between follows afterwards. */

import type { Store, StoreEvent } from './store.js';

export interface WatchHub {
  /** Events of one kind, after those that a new watch has seen already. Returns what ends it. */
  follow(apiVersion: string, kind: string, listener: (event: StoreEvent) => void): () => void;
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
    for (const listener of [...(followers.get(`${event.object.apiVersion} ${event.object.kind}`) ?? [])]) listener(event);
  }

  const off = store.onEvent((event) => {
    if (!isHealthy()) behind = true;
    else if (!behind) hand(event, Number(event.object.metadata.resourceVersion));
  });

  return {
    follow(apiVersion, kind, listener) {
      const id = `${apiVersion} ${kind}`;
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
