/** Files of a node below its folder: read, replaced by rename, linked and removed by the node's own paths. */

import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { NodeFile } from './staging-node.js';

export interface NodeFiles {
  /** Where a path of the node is on this machine. Throws for one that is not absolute. */
  here(path: string): string;
  read(path: string): NodeFile | undefined;
  write(path: string, bytes: string | Uint8Array, options?: { readonly mode?: number; readonly owner?: number }): void;
  link(path: string, leadsTo: string): void;
  remove(path: string): void;
  list(folder: string): string[];
}

/** `scratch` is a folder of the same file system, where files are written before they are renamed into place. `give` makes a file belong to a user. */
export function nodeFiles(root: string, scratch: string, changed: () => void, give: (file: string, owner: number) => void = () => undefined): NodeFiles {
  let count = 0;

  function here(path: string): string {
    if (!path.startsWith('/')) throw new Error(`not an absolute path of a node: ${path}`);
    return join(root, normalize(path));
  }

  function place(path: string, make: (temporary: string) => void): void {
    const target = here(path);
    const temporary = join(scratch, `file-${count++}`);
    rmSync(temporary, { force: true });
    make(temporary);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(temporary, target);
    changed();
  }

  return {
    here,
    read(path) {
      let file: number;
      try {
        file = openSync(here(path), 'r');
      } catch {
        return undefined;
      }
      try {
        // Asked of what was opened: attributes and bytes belong together although the path is being replaced.
        const stat = fstatSync(file);
        if (!stat.isFile()) return undefined;
        return { bytes: readFileSync(file), ino: stat.ino, mode: stat.mode & 0o7777, mtimeMs: stat.mtimeMs, ctimeMs: stat.ctimeMs };
      } finally {
        closeSync(file);
      }
    },
    write(path, bytes, options) {
      const before = lstatSync(here(path), { throwIfNoEntry: false });
      const mode = options?.mode ?? (before?.isFile() === true ? before.mode & 0o7777 : 0o644);
      place(path, (temporary) => {
        const file = openSync(temporary, 'wx', 0o600);
        try {
          writeFileSync(file, bytes);
          fchmodSync(file, mode);
        } finally {
          closeSync(file);
        }
        if (options?.owner !== undefined) give(temporary, options.owner);
      });
    },
    link(path, leadsTo) {
      place(path, (temporary) => symlinkSync(leadsTo.startsWith('/') ? here(leadsTo) : leadsTo, temporary));
    },
    remove(path) {
      if (lstatSync(here(path), { throwIfNoEntry: false }) === undefined) return;
      rmSync(here(path), { recursive: true, force: true });
      changed();
    },
    list(folder) {
      return existsSync(here(folder)) ? readdirSync(here(folder)).sort() : [];
    },
  };
}

/** Makes the folders of a freshly installed kubeadm node with their modes. */
export function makeFolders(root: string): void {
  for (const [folder, mode] of folders) {
    mkdirSync(join(root, folder), { recursive: true });
    chmodSync(join(root, folder), mode);
  }
}

// Modes as on a Debian node after kubeadm init and with sshd's user "sre".
const folders: readonly (readonly [string, number])[] = [
  ['etc', 0o755],
  ['etc/kubernetes', 0o755],
  ['etc/kubernetes/manifests', 0o755],
  ['etc/kubernetes/pki', 0o755],
  ['etc/systemd/system', 0o755],
  ['home/sre', 0o755],
  ['opt', 0o755],
  ['proc/net', 0o755],
  ['root', 0o700],
  ['run', 0o755],
  ['tmp', 0o1777],
  ['usr/local/bin', 0o755],
  ['usr/local/sbin', 0o755],
  ['usr/sbin', 0o755],
  ['var/lib', 0o755],
  ['var/lib/kubelet', 0o750],
  ['var/lib/kubelet/pki', 0o750],
  ['var/log/pods', 0o755],
];
