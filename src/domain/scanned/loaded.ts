/** What each process has in memory, as far as its start, the times of the files that it names, and its listeners tell. Pure. */

import type { ComponentRecord, FileRecord, Inventory, NodeRecord } from '../cluster/inventory.js';

export interface LoadedRow {
  readonly node: string;
  readonly component: ComponentRecord['name'];
  readonly startedAtMs?: number;
  /** Files with trust that it names and that were written after it was started: what it has of them may be what was there before. */
  readonly writtenSince: readonly { readonly path: string; readonly modifiedAtMs: number }[];
  /** By port: files of the node whose first certificate is what is presented; none: what is presented lies in no file. `isOwn`: it makes one for itself at each start. */
  readonly presents: readonly { readonly port: string; readonly fingerprint: string; readonly files: readonly string[]; readonly isOwn: boolean }[];
}

export function loadedOf(inventory: Inventory): LoadedRow[] {
  return inventory.nodes.flatMap((node) => node.components.map((component) => rowOf(node, component)));
}

function rowOf(node: NodeRecord, component: ComponentRecord): LoadedRow {
  const { name, startedAtMs, presents = {} } = component;
  const since = startedAtMs === undefined ? [] : namedFiles(node, component).filter(({ modifiedAtMs }) => modifiedAtMs !== undefined && modifiedAtMs > startedAtMs);
  return {
    node: node.name,
    component: name,
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    writtenSince: since.map(({ path, modifiedAtMs = 0 }) => ({ path, modifiedAtMs })),
    // Without files a self-signed pair is made in memory (k/k apiserver pkg/server/options/serving.go MaybeDefaultWithSelfSignedCerts; --cert-dir is empty for both).
    presents: Object.entries(presents).map(([port, fingerprint]) => ({
      port,
      fingerprint,
      files: node.files.filter(({ certificates }) => certificates[0]?.fingerprint === fingerprint).map(({ path }) => path),
      isOwn: (name === 'kube-controller-manager' || name === 'kube-scheduler') && (component.flags['tls-cert-file'] ?? '') === '',
    })),
  };
}

/** What its flags name, what that names in turn (a kubeconfig its pair, a configuration its CA), and of a kubelet its own pair. */
function namedFiles(node: NodeRecord, component: ComponentRecord): FileRecord[] {
  const paths = new Set(Object.values(component.flags).flatMap((value) => value.split(',').map((part) => part.replace(/^.*=/, ''))));
  if (component.name === 'kubelet') paths.add('/var/lib/kubelet/pki/kubelet-client-current.pem');
  for (const { path, refs } of node.files) if (paths.has(path)) for (const to of Object.values(refs ?? {})) paths.add(to);
  return node.files.filter(({ path, kind }) => paths.has(path) && kind !== 'config' && kind !== 'manifest');
}
