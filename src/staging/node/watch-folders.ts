/** Notices that files of a node have changed: by inotify, and by a cheap comparison after each script. */

import { type FSWatcher, lstatSync, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

const folders = ['etc/kubernetes', 'etc/kubernetes/manifests', 'etc/kubernetes/pki', 'etc/kubernetes/pki/etcd', 'etc/cni/net.d', 'var/lib/kubelet', 'var/lib/kubelet/pki'];

// Several files renamed in one go are one change.
const settleMs = 5;

export interface FolderWatch {
  /** Compares, and calls the listener if anything differs from the last time. */
  look(): void;
  close(): void;
}

/** Watches what components load: PKI, kubeconfigs, manifests, the kubelet's files. */
export function watchFolders(root: string, changed: () => void): FolderWatch {
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly ino: number }>();
  let before = '';
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function soon(): void {
    if (isClosed) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      look();
    }, settleMs);
  }

  // A folder that was made anew has another inode, and the watch of the one before hears nothing any more.
  function watchAll(): void {
    for (const folder of folders) {
      const path = join(root, folder);
      const ino = statSync(path, { throwIfNoEntry: false })?.ino;
      const known = watchers.get(folder);
      if (known?.ino === ino) continue;
      known?.watcher.close();
      watchers.delete(folder);
      if (ino === undefined) continue;
      try {
        const watcher = watch(path, { persistent: false }, soon);
        watcher.on('error', () => undefined);
        watchers.set(folder, { watcher, ino });
      } catch {
        // No more watches to be had on this machine: the comparison after each script remains.
      }
    }
  }

  function look(): void {
    if (isClosed) return;
    watchAll();
    const now = fingerprint(root);
    if (now === before) return;
    before = now;
    changed();
  }

  watchAll();
  before = fingerprint(root);
  return {
    look,
    close() {
      isClosed = true;
      clearTimeout(timer);
      for (const { watcher } of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Name, inode, size and ctime of each file: any write, rename, chmod or chown changes one of them. */
function fingerprint(root: string): string {
  const parts: string[] = [];
  for (const folder of folders) {
    const path = join(root, folder);
    let names: string[];
    try {
      names = readdirSync(path);
    } catch {
      continue;
    }
    for (const name of names) {
      const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
      if (stat !== undefined && !stat.isDirectory()) parts.push(`${folder}/${name} ${stat.ino} ${stat.size} ${stat.ctimeMs}`);
    }
  }
  return parts.join('\n');
}
