/** Files that a static pod's flags name and that are not there: its component does not start. */

import { parse } from 'yaml';
import type { NodeRecord, ScanFinding } from '../../domain/cluster/inventory.js';

export interface Reference {
  /** Of the manifest. */
  readonly path: string;
  readonly line: number;
  readonly flag: string;
  readonly to: string;
}

/** Of certificates, keys and kubeconfigs ("Command line tools reference" of each component); bootstrap-kubeconfig may be gone after the first start. */
const fileFlag = /^(?!bootstrap-)(?:.*-)?(?:ca-file|cafile|cert-file|certfile|key-file|keyfile|client-certificate|client-key|certificate-authority|kubeconfig)$/;
/** Of what lies below this folder the scan reads all that is a certificate, a key or a kubeconfig. */
const read = '/etc/kubernetes/';

interface PodShape {
  readonly spec?: {
    readonly containers?: readonly { readonly volumeMounts?: readonly { readonly name?: string; readonly mountPath?: string }[] }[];
    readonly volumes?: readonly { readonly name?: string; readonly hostPath?: { readonly path?: string } }[];
  };
}

/** Those of which the host has the same path as the container. Never throws: what is no manifest names nothing. */
export function referencesOf(path: string, text: string): Reference[] {
  const mounts = sameOnHost(text);
  return text.split('\n').flatMap((line, index) => {
    const [, flag = '', values = ''] = /^\s*-\s+["']?--([a-z0-9-]+)=([^\s"']+)["']?\s*$/.exec(line) ?? [];
    if (!fileFlag.test(flag)) return [];
    return values
      .split(',')
      .filter((to) => to.startsWith(read) && mounts.some((mount) => to === mount || to.startsWith(`${mount}/`)))
      .map((to) => ({ path, line: index + 1, flag, to }));
  });
}

/** Mounts whose path is the same on both sides. */
function sameOnHost(text: string): string[] {
  let pod: PodShape | null;
  try {
    pod = parse(text, { logLevel: 'silent' }) as PodShape | null;
  } catch {
    return [];
  }
  const volumes = listOf(pod?.spec?.volumes);
  return listOf(listOf(pod?.spec?.containers)[0]?.volumeMounts).flatMap(({ name, mountPath }) => {
    const host = volumes.find((one) => one?.name === name)?.hostPath?.path;
    return host !== undefined && host === mountPath ? [String(host).replace(/\/+$/, '')] : [];
  });
}

function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]).filter((one) => typeof one === 'object' && one !== null) : [];
}

export function missingReferences(references: readonly Reference[], { name, files }: Pick<NodeRecord, 'name' | 'files'>): ScanFinding[] {
  const there = new Set(files.map(({ path }) => path));
  return references
    .filter(({ to }) => !there.has(to))
    .map(({ path, line, flag, to }) => ({
      code: 'reference-missing',
      place: `${name}:${path}:${line}`,
      meaning: `its --${flag} is ${to}, where nothing was found that can be read as one: the component does not start with it`,
    }));
}
