/** A static pod as its manifest says: what is run, with which mounts, and which change of the file makes it another pod. */

import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import type { HostMount } from '../node/staging-node.js';

export interface StaticManifest {
  /** Hash of the parsed content, node and path (k/k pkg/kubelet/config/common.go applyDefaults). */
  readonly uid: string;
  readonly path: string;
  readonly name: string;
  readonly namespace: string;
  readonly container: string;
  readonly image: string;
  /** command and args of the first container. */
  readonly args: readonly string[];
  readonly mounts: readonly HostMount[];
  /** As parsed, for the mirror pod. */
  readonly pod: { readonly metadata: Readonly<Record<string, unknown>>; readonly spec: Readonly<Record<string, unknown>> };
}

interface PodShape {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: {
    readonly containers?: readonly {
      readonly name?: string;
      readonly image?: string;
      readonly command?: readonly unknown[];
      readonly args?: readonly unknown[];
      readonly volumeMounts?: readonly { readonly name?: string; readonly mountPath?: string }[];
    }[];
    readonly volumes?: readonly { readonly name?: string; readonly hostPath?: { readonly path?: string; readonly type?: string } }[];
  };
}

/** Throws an Error that says what is wrong with the file. */
export function readStaticManifest(text: string, path: string, nodeName: string): StaticManifest {
  const parsed = parse(text) as PodShape | null;
  if (parsed === null || typeof parsed !== 'object' || parsed.kind !== 'Pod') throw new Error(`${path}: couldn't parse as pod, it is not a Pod`);
  const [container] = parsed.spec?.containers ?? [];
  const name = parsed.metadata?.name;
  if (name === undefined || container?.name === undefined) throw new Error(`${path}: invalid pod: metadata.name and spec.containers[0].name are required`);
  const hostPaths = new Map((parsed.spec?.volumes ?? []).flatMap((volume) => (volume.hostPath?.path === undefined ? [] : [[volume.name, volume.hostPath] as const])));
  return {
    uid: createHash('md5')
      .update(`${canonical(parsed)}host:${nodeName}file:${path}`)
      .digest('hex'),
    path,
    name,
    namespace: parsed.metadata?.namespace ?? 'default',
    container: container.name,
    image: container.image ?? '',
    args: [...(container.command ?? []), ...(container.args ?? [])].map(String),
    mounts: (container.volumeMounts ?? []).flatMap((mount) => {
      const { path: hostPath, type } = hostPaths.get(mount.name) ?? {};
      return hostPath === undefined || mount.mountPath === undefined
        ? []
        : [{ hostPath, containerPath: mount.mountPath, ...(type === 'DirectoryOrCreate' ? { isMade: true as const } : {}) }];
    }),
    pod: { metadata: { ...parsed.metadata }, spec: { ...parsed.spec } },
  };
}

/** Same content, same text: order of keys, comments and layout of the YAML do not count. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`)
    .join(',')}}`;
}
