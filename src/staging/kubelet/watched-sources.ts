/** ConfigMaps and Secrets of the pods of a node: each one watched while a pod has it in a volume (k/k pkg/kubelet/util/manager/watch_based_manager.go). */

import type { StoredObject } from '../api/store.js';
import type { StagingClient } from '../client/staging-client.js';
import type { StagingClock } from '../clock.js';
import { keyOf, type ObjectCache, watchObjects } from '../controllers/object-cache.js';
import type { ObjectSource } from './volume-sources.js';

export interface WatchedSources {
  /** What the pod with this UID uses from now on; none: it is gone. */
  use(uid: string, namespace: string, sources: readonly ObjectSource[]): void;
  /** undefined: there is none. Throws as the kubelet if the watch does not come about. Only for what is in use. */
  get(namespace: string, source: ObjectSource): Promise<StoredObject | undefined>;
  stop(): void;
}

interface Watched {
  readonly cache: ObjectCache;
  readonly users: Set<string>;
  readonly synced: Promise<void>;
}

/** Wall clock, Unix ms: the kubelet waits a second for the first list; a busy machine is no broken cluster. */
const patienceMs = 5_000;

export function watchedSources(api: StagingClient, clock: StagingClock, log: (line: string) => void): WatchedSources {
  const watched = new Map<string, Watched>();

  function open(kind: ObjectSource['kind'], namespace: string, name: string): Watched {
    const query = `fieldSelector=metadata.name%3D${encodeURIComponent(name)}`;
    const cache = watchObjects(api, kind, { namespace, query, onTrouble: (text) => log(`"Failed to watch" type="*v1.${kind}" object="${keyOf(namespace, name)}" err="${text}"`) });
    return { cache, users: new Set(), synced: new Promise((resolve) => cache.onSynced(resolve)) };
  }

  return {
    use(uid, namespace, sources) {
      const wanted = new Map(sources.map((source) => [idOf(namespace, source), source]));
      for (const [id, source] of wanted) {
        const one = watched.get(id) ?? open(source.kind, namespace, source.name);
        watched.set(id, one);
        one.users.add(uid);
      }
      for (const [id, one] of watched) {
        if (wanted.has(id) || !one.users.delete(uid) || one.users.size > 0) continue;
        one.cache.stop();
        watched.delete(id);
      }
    },
    async get(namespace, source) {
      const one = watched.get(idOf(namespace, source));
      if (one === undefined) throw new Error(`object ${keyOf(namespace, source.name)} not registered`);
      if (!one.cache.isSynced && !(await within(one.synced, patienceMs))) throw new Error(`failed to sync ${source.kind.toLowerCase()} cache: timed out waiting for the condition`);
      return one.cache.get(namespace, source.name);
    },
    stop() {
      for (const { cache } of watched.values()) cache.stop();
      watched.clear();
    },
  };

  async function within(done: Promise<void>, ms: number): Promise<boolean> {
    const ending = new AbortController();
    const isDone = await Promise.race([done.then(() => true), clock.wait(ms * clock.speed, ending.signal).then(() => false)]);
    ending.abort();
    return isDone;
  }
}

function idOf(namespace: string, source: ObjectSource): string {
  return `${source.kind} ${keyOf(namespace, source.name)}`;
}
