/** What the volumes of a pod are made of, as its spec says: tokens, ConfigMaps, Secrets and fields of the pod itself. */

import type { StoredObject } from '../api/store.js';
import { podSpecOf } from '../controllers/workload-objects.js';
import { accountPath } from '../objects-workloads.js';

/** Folder below `volumes` of a pod. */
type Plugin = 'kubernetes.io~projected' | 'kubernetes.io~configmap' | 'kubernetes.io~secret';

export interface ObjectSource {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly name: string;
  /** key to path; undefined: each key is a file of its name. */
  readonly items: ReadonlyMap<string, string> | undefined;
  readonly isOptional: boolean;
}

export interface TokenSource {
  readonly path: string;
  readonly seconds: number;
  readonly audience: string | undefined;
}

export interface FieldSource {
  readonly path: string;
  readonly text: string;
}

export interface Volume {
  readonly name: string;
  readonly plugin: Plugin;
  readonly mode: number;
  readonly objects: readonly ObjectSource[];
  readonly tokens: readonly TokenSource[];
  readonly fields: readonly FieldSource[];
}

interface Item {
  readonly key: string;
  readonly path: string;
}

interface Named {
  readonly name?: string;
  readonly secretName?: string;
  readonly items?: readonly Item[];
  readonly optional?: boolean;
  readonly defaultMode?: number;
}

interface Source {
  readonly configMap?: Named;
  readonly secret?: Named;
  readonly serviceAccountToken?: { readonly path: string; readonly expirationSeconds?: number; readonly audience?: string };
  readonly downwardAPI?: { readonly items?: readonly { readonly path: string; readonly fieldRef?: { readonly fieldPath: string } }[] };
}

type Written = { readonly name: string; readonly projected?: { readonly sources?: readonly Source[]; readonly defaultMode?: number } } & Source;

const defaultMode = 0o644;
const defaultTokenSeconds = 3600;

/**
 * Those that a kubelet writes: emptyDir, hostPath and the like hold nothing that anybody here reads, and what no container mounts is not set up
 * (k/k pkg/kubelet/volumemanager/populator processPodVolumes).
 */
export function volumesOf(pod: StoredObject): readonly Volume[] {
  const mounted = mountedIn(pod);
  return ((podSpecOf(pod).volumes ?? []) as unknown as readonly Written[]).flatMap((volume): Volume[] => {
    const { name, projected, configMap, secret } = volume;
    if (!mounted.has(name)) return [];
    if (projected !== undefined) return [made(name, 'kubernetes.io~projected', projected.defaultMode, projected.sources ?? [], pod)];
    if (configMap !== undefined) return [made(name, 'kubernetes.io~configmap', configMap.defaultMode, [{ configMap }], pod)];
    if (secret !== undefined) return [made(name, 'kubernetes.io~secret', secret.defaultMode, [{ secret }], pod)];
    return [];
  });
}

/** The volume from which a client in the pod reads its ca.crt and its token: what lies where it looks for them, a Secret too, else what has both. */
export function accountVolume(pod: StoredObject): Volume | undefined {
  const { containers = [] } = podSpecOf(pod) as unknown as Readonly<
    Record<string, readonly { readonly volumeMounts?: readonly { readonly name: string; readonly mountPath?: string }[] }[] | undefined>
  >;
  const there = containers.flatMap(({ volumeMounts = [] }) => volumeMounts).find(({ mountPath }) => mountPath === accountPath)?.name;
  const volumes = volumesOf(pod);
  return (
    volumes.find(({ name }) => name === there) ??
    volumes.find(({ objects, tokens }) => tokens.length > 0 && objects.some(({ kind, name }) => kind === 'ConfigMap' && name === 'kube-root-ca.crt'))
  );
}

/** Below /var/lib/kubelet. */
export function folderOf(uid: string, volume: Volume): string {
  return `/var/lib/kubelet/pods/${uid}/volumes/${volume.plugin}/${volume.name}`;
}

function mountedIn(pod: StoredObject): ReadonlySet<string> {
  const { containers = [], initContainers = [] } = podSpecOf(pod) as unknown as Readonly<
    Record<string, readonly { readonly volumeMounts?: readonly { readonly name: string }[] }[] | undefined>
  >;
  return new Set([...containers, ...initContainers].flatMap(({ volumeMounts }) => (volumeMounts ?? []).map(({ name }) => name)));
}

function made(name: string, plugin: Plugin, mode: number | undefined, sources: readonly Source[], pod: StoredObject): Volume {
  return {
    name,
    plugin,
    mode: mode ?? defaultMode,
    objects: sources.flatMap(({ configMap, secret }) => [...objectOf('ConfigMap', configMap), ...objectOf('Secret', secret)]),
    tokens: sources.flatMap(({ serviceAccountToken: token }) =>
      token === undefined ? [] : [{ path: token.path, seconds: token.expirationSeconds ?? defaultTokenSeconds, audience: token.audience }],
    ),
    fields: sources.flatMap(({ downwardAPI }) =>
      (downwardAPI?.items ?? []).flatMap(({ path, fieldRef }) => (fieldRef === undefined ? [] : [{ path, text: fieldOf(pod, fieldRef.fieldPath) }])),
    ),
  };
}

function objectOf(kind: 'ConfigMap' | 'Secret', named: Named | undefined): ObjectSource[] {
  if (named === undefined) return [];
  const items = named.items === undefined ? undefined : new Map(named.items.map(({ key, path }) => [key, path]));
  return [{ kind, name: named.name ?? named.secretName ?? '', items, isOptional: named.optional === true }];
}

function fieldOf(pod: StoredObject, path: string): string {
  const { metadata } = pod;
  if (path === 'metadata.namespace') return metadata.namespace ?? '';
  if (path === 'metadata.name') return metadata.name;
  return path === 'metadata.uid' ? metadata.uid : '';
}
