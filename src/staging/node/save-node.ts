/** A node's files into a folder and back: a snapshot that may be put into another node's place, or another day. */

import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { StagingNode } from './staging-node.js';
import { ownersOf, type RecordedOwner } from './recorded-owners.js';

/** What a node keeps over a restart: no processes, no programs, nothing temporary. */
const kept = ['etc', 'home', 'opt', 'root', 'usr/local', 'var'];

/**
 * Modes, owners, times and symlinks are kept; absolute targets of symlinks are written as the node itself has them.
 * The node must not be changed meanwhile: stop its components, or switch it off, first.
 */
export function saveNode(node: StagingNode, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'files'), { recursive: true });
  const owners = ownersOf(node.root);
  const recorded: Record<string, RecordedOwner> = {};
  const link = (target: string): string => (target === node.root || target.startsWith(`${node.root}/`) ? target.slice(node.root.length) || '/' : target);
  for (const top of kept) {
    copyTree(join(node.root, top), join(folder, 'files', top), {
      link,
      // The folder's own name inside of it, and not a file of the node.
      isLeftOut: (path) => path === join(node.root, node.root),
      copied: (from) => {
        const owner = owners.get(from);
        if (owner !== undefined) recorded[from.slice(node.root.length)] = owner;
      },
    });
  }
  writeFileSync(join(folder, 'node.json'), JSON.stringify({ skewMs: node.skewMs, owners: recorded }));
}

/** Puts back what saveNode has saved; files that are not in it are removed. Throws if the folder holds no saved node. The listeners of onChange are told. */
export function loadNode(node: StagingNode, folder: string): void {
  const about = JSON.parse(readFileSync(join(folder, 'node.json'), 'utf8')) as { skewMs: number; owners: Record<string, RecordedOwner> };
  const self = join(node.root, node.root);
  for (const top of kept) {
    clear(join(node.root, top), self);
    copyTree(join(folder, 'files', top), join(node.root, top), {
      link: (target) => (target.startsWith('/') ? join(node.root, target) : target),
      isLeftOut: () => false,
      copied: () => undefined,
    });
  }
  const owners = ownersOf(node.root);
  for (const [path, owner] of Object.entries(about.owners)) owners.set(join(node.root, path), owner);
  node.skewMs = about.skewMs;
  // A write of what is there already: the comparison behind it finds all that was put back.
  const hostname = node.read('/etc/hostname');
  if (hostname !== undefined) node.write('/etc/hostname', hostname.bytes);
}

interface CopyOptions {
  link(target: string): string;
  isLeftOut(path: string): boolean;
  copied(from: string): void;
}

function copyTree(from: string, to: string, options: CopyOptions): void {
  if (!existsSync(from) || options.isLeftOut(from)) return;
  const stat = lstatSync(from);
  if (stat.isDirectory()) {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) if (isCopied(join(from, name), options)) copyTree(join(from, name), join(to, name), options);
  } else if (stat.isFile()) {
    copyFileSync(from, to);
  }
  attributes(to, stat);
  options.copied(from);
  if (!stat.isDirectory()) return;
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    const inner = lstatSync(path);
    if (!inner.isSymbolicLink() || options.isLeftOut(path)) continue;
    symlinkSync(options.link(readlinkSync(path)), join(to, name));
    lutimesSync(join(to, name), inner.atime, inner.mtime);
    if (process.getuid?.() === 0) lchownSync(join(to, name), inner.uid, inner.gid);
  }
  utimesSync(to, stat.atime, stat.mtime);
}

function isCopied(path: string, options: CopyOptions): boolean {
  const stat = lstatSync(path);
  return !options.isLeftOut(path) && (stat.isFile() || stat.isDirectory());
}

function attributes(to: string, stat: Stats): void {
  if (process.getuid?.() === 0) chownSync(to, stat.uid, stat.gid);
  chmodSync(to, stat.mode & 0o7777);
  utimesSync(to, stat.atime, stat.mtime);
}

/** Empties a folder, but keeps it (somebody may watch it) and what leads to `self`. */
function clear(folder: string, self: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (path === self) continue;
    if (lstatSync(path).isDirectory() && (self.startsWith(`${path}/`) || watched.some((end) => path.endsWith(end)))) clear(path, self);
    else rmSync(path, { recursive: true, force: true });
  }
}

const watched = ['/etc/kubernetes', '/etc/kubernetes/manifests', '/etc/kubernetes/pki', '/etc/kubernetes/pki/etcd', '/var/lib', '/var/lib/kubelet', '/var/lib/kubelet/pki'];
