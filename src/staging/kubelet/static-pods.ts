/** The static pods of a node: what lies in the folder of manifests runs, what is changed is replaced, and two of a name never run at once. */

import type { Components, StagingContext } from '../component.js';
import type { StagingNode } from '../node/staging-node.js';
import { timings } from '../timings.js';
import { readStaticManifest, type StaticManifest } from './static-manifest.js';
import { createStaticPod, type StaticPod } from './static-pod.js';

export interface StaticPods {
  /** Those that run or wait for their start, the youngest definition of each name. */
  list(): readonly StaticPod[];
  /** A kubelet begins to look after them: containers of before go on. `onChange`: a status to be told. */
  attend(folder: string, onChange: () => void, log: (line: string) => void): void;
  /** The kubelet has ended: containers go on, manifests are not looked at. */
  leave(): void;
  /** The node has lost its power, or is taken away. */
  cut(): Promise<void>;
}

/** Lives as long as the node: containers survive their kubelet. */
export function createStaticPods(parts: { readonly context: StagingContext; readonly node: StagingNode; readonly components: Components; readonly now: () => number }): StaticPods {
  const { context, node } = parts;
  /** By UID. A pod is here until its last container has ended. */
  const pods = new Map<string, StaticPod>();
  const ending = new Map<string, Promise<void>>();
  let wanted = new Map<string, StaticManifest>();
  const texts = new Map<string, { readonly text: string; readonly manifest: StaticManifest }>();
  let stopWatching: () => void = () => undefined;
  let attended: { readonly folder: string; readonly onChange: () => void; readonly log: (line: string) => void } | undefined;

  /** Each script on the node brings a look: what has not changed is not parsed again. */
  function read(path: string, text: string): StaticManifest {
    const known = texts.get(path);
    if (known?.text === text) return known.manifest;
    const manifest = readStaticManifest(text, path, node.name);
    texts.set(path, { text, manifest });
    return manifest;
  }

  /** By path. A file that cannot be read keeps its pod until the folder is listed again (file_linux.go, file.go). */
  function look(isListing: boolean): void {
    if (attended === undefined || !node.isOn) return;
    const { folder, log } = attended;
    const seen = new Map<string, StaticManifest>();
    for (const name of node.list(folder)) {
      if (name.startsWith('.')) continue;
      const path = `${folder}/${name}`;
      const bytes = node.read(path)?.bytes;
      if (bytes === undefined) continue;
      const before = wanted.get(path);
      try {
        seen.set(path, read(path, bytes.toString('utf8')));
      } catch (error) {
        log(`"Could not process manifest file" err="${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}" path="${path}"`);
        if (!isListing && before !== undefined) seen.set(path, before);
      }
    }
    wanted = seen;
    settle();
  }

  function settle(): void {
    if (attended === undefined) return;
    const uids = new Set([...wanted.values()].map((manifest) => manifest.uid));
    for (const [uid, pod] of pods) if (!uids.has(uid)) end(uid, pod);
    for (const manifest of [...wanted.values()].sort((a, b) => (a.path < b.path ? -1 : 1))) {
      // One of the same name that still runs is waited for (pod_workers.go allowPodStart: waitingStaticPodsByFullname).
      const isTaken = [...pods.values()].some((pod) => fullName(pod.manifest) === fullName(manifest));
      if (isTaken) continue;
      const pod = createStaticPod({ ...parts, manifest });
      pods.set(manifest.uid, pod);
      pod.attend(attended.onChange);
      attended.log(`"SyncLoop ADD" source="file" pods=["${manifest.namespace}/${manifest.name}-${node.name}"]`);
    }
  }

  function end(uid: string, pod: StaticPod): void {
    if (ending.has(uid)) return;
    attended?.log(`"SyncLoop REMOVE" source="file" pods=["${pod.manifest.namespace}/${pod.manifest.name}-${node.name}"]`);
    ending.set(
      uid,
      pod.terminate().then(() => {
        ending.delete(uid);
        pods.delete(uid);
        attended?.onChange();
        settle();
      }),
    );
  }

  return {
    list: () => [...pods.values()].filter((pod) => !ending.has(pod.manifest.uid)),
    attend(folder, onChange, log) {
      attended = { folder, onChange, log };
      for (const [uid, pod] of pods) if (!ending.has(uid)) pod.attend(onChange);
      const stopChange = node.onChange(() => look(false));
      const stopListing = context.clock.every(timings.manifestRecheckMs, () => look(true));
      stopWatching = () => {
        stopChange();
        stopListing();
      };
      look(true);
    },
    leave() {
      stopWatching();
      attended = undefined;
      for (const pod of pods.values()) pod.leave();
    },
    async cut() {
      stopWatching();
      attended = undefined;
      await Promise.all([...pods.values()].map((pod) => pod.cut()));
      await Promise.all(ending.values());
      pods.clear();
      wanted = new Map();
    },
  };
}

function fullName(manifest: StaticManifest): string {
  return `${manifest.namespace}/${manifest.name}`;
}
