/** Volumes of the pods of one node as files below /var/lib/kubelet/pods: set up before a pod starts, brought up to date at each sync of it, gone with it. */

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredObject } from '../api/store.js';
import type { StagingClient } from '../client/staging-client.js';
import type { StagingContext } from '../component.js';
import type { KubeCalls } from '../controllers/kube-calls.js';
import type { StagingNode } from '../node/staging-node.js';
import { emptyVolume, type Payload, type Projection, writeVolume } from './atomic-writer.js';
import { podTokens } from './pod-tokens.js';
import { folderOf, type ObjectSource, type Volume, volumesOf } from './volume-sources.js';
import { watchedSources } from './watched-sources.js';

/** A kubelet's hand on the volumes: caches and watches live as long as it does, files longer. */
export interface PodVolumes {
  /** Also the first time. Throws as the kubelet says it; what is mounted already stays as it is. */
  sync(pod: StoredObject): Promise<void>;
  /** Of a pod that has ended. */
  remove(uid: string): void;
  /** Folders of pods that are not among these are removed (k/k pkg/kubelet/kubelet_volumes.go cleanupOrphanedPodDirs). */
  clean(uids: ReadonlySet<string>): void;
  stop(): void;
}

const podsFolder = '/var/lib/kubelet/pods';

/** Files are written past `node.write`: nobody but the pod itself watches them. */
export function podVolumes(parts: {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly api: StagingClient;
  readonly kube: KubeCalls;
  readonly now: () => number;
  readonly log: (line: string) => void;
}): PodVolumes {
  const { context, node, log } = parts;
  const sources = watchedSources(parts.api, context.clock, log);
  const tokens = podTokens(parts.kube, context.clock, log);
  const known = new Set<string>();

  async function payloadOf(pod: StoredObject, volume: Volume): Promise<Payload> {
    const payload = new Map<string, Projection>();
    const put = (path: string, bytes: Uint8Array): void => void payload.set(path, { bytes, mode: volume.mode });
    const namespace = pod.metadata.namespace ?? '';
    for (const source of volume.objects) {
      const object = await sources.get(namespace, source);
      if (object === undefined && !source.isOptional) throw new Error(`${source.kind.toLowerCase()} "${source.name}" not found`);
      for (const [path, bytes] of filesOf(source, object)) put(path, bytes);
    }
    for (const { path, text } of volume.fields) put(path, Buffer.from(text));
    for (const source of volume.tokens) put(source.path, Buffer.from(await tokens.tokenOf(pod, source)));
    return payload;
  }

  /** Only the tmpfs itself can be written while the disk cannot. */
  function mount(folder: string): string {
    const here = join(node.root, folder);
    if (existsSync(here)) return here;
    const fault = context.faults.files.get(node.name);
    if (fault !== undefined) throw new Error(`mkdir ${folder}: ${fault === 'disk-full' ? 'no space left on device' : 'read-only file system'}`);
    const [, pod = '', ...below] = folder.slice(podsFolder.length).split('/');
    const modes = [podsFolder, `${podsFolder}/${pod}`, ...below.map((_, index) => `${podsFolder}/${pod}/${below.slice(0, index + 1).join('/')}`)];
    for (const [index, path] of modes.entries()) {
      const made = join(node.root, path);
      if (existsSync(made)) continue;
      mkdirSync(made);
      // As on a node: the last one is a tmpfs, the one before is made by its mounter.
      chmodSync(made, index === modes.length - 1 ? 0o1777 : index === modes.length - 2 ? 0o755 : 0o750);
    }
    return here;
  }

  function remove(uid: string): void {
    known.delete(uid);
    sources.use(uid, '', []);
    tokens.forget(uid);
    rmSync(join(node.root, podsFolder, uid), { recursive: true, force: true });
  }

  return {
    async sync(pod) {
      const { uid, namespace = '' } = pod.metadata;
      const volumes = volumesOf(pod);
      known.add(uid);
      sources.use(
        uid,
        namespace,
        volumes.flatMap(({ objects }) => objects),
      );
      for (const volume of volumes) {
        const payload = await payloadOf(pod, volume);
        // Its pod may have ended meanwhile.
        if (known.has(uid)) writeVolume(mount(folderOf(uid, volume)), payload, parts.now());
      }
    },
    remove,
    clean(uids) {
      const here = join(node.root, podsFolder);
      if (!existsSync(here)) return;
      for (const uid of readdirSync(here)) if (!uids.has(uid)) remove(uid);
    },
    stop: () => sources.stop(),
  };
}

/** A file as a program in the pod reads it; empty if there is none. */
export function readMounted(node: StagingNode, uid: string, volume: Volume | undefined, path: string): string {
  if (volume === undefined) return '';
  try {
    return readFileSync(join(node.root, folderOf(uid, volume), path), 'utf8');
  } catch {
    return '';
  }
}

/** The node has lost its power. */
export function loseVolumes(node: StagingNode): void {
  const here = join(node.root, podsFolder);
  if (!existsSync(here)) return;
  for (const uid of readdirSync(here)) {
    const volumes = join(here, uid, 'volumes');
    if (!existsSync(volumes)) continue;
    for (const plugin of readdirSync(volumes)) for (const name of readdirSync(join(volumes, plugin))) emptyVolume(join(volumes, plugin, name));
  }
}

function filesOf({ kind, items }: ObjectSource, object: StoredObject | undefined): [string, Uint8Array][] {
  const text = Object.entries((object?.data ?? {}) as Readonly<Record<string, string>>).map(
    ([key, value]) => [key, Buffer.from(value, kind === 'Secret' ? 'base64' : 'utf8')] as const,
  );
  const binary = Object.entries((object?.binaryData ?? {}) as Readonly<Record<string, string>>).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
  return [...text, ...binary].flatMap(([key, bytes]): [string, Uint8Array][] => {
    const path = items === undefined ? key : items.get(key);
    return path === undefined ? [] : [[path, bytes]];
  });
}
