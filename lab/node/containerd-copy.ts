import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { immutableParts } from '../build/containerd-template.js';
import { runCommand } from '../command.js';

/**
 * Copies a containerd root whose containerd is not running. Image blobs and unpacked layers are never written again, so
 * they become hard links: a copy of some hundred megabytes takes no room, and all nodes share one page cache.
 */
export async function copyContainerd(from: string, to: string): Promise<void> {
  const immutable = new Set(immutableParts(from));
  const inside = (path: string): boolean => [...immutable].some((part) => part.startsWith(`${path}/`));
  const copy = async (path: string): Promise<void> => {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    if (immutable.has(path)) {
      await runCommand('cp', ['-al', join(from, path), join(to, path)]);
    } else if (inside(path)) {
      mkdirSync(join(to, path), { recursive: true, mode: 0o700 });
      for (const entry of readdirSync(join(from, path))) await copy(join(path, entry));
    } else {
      await runCommand('cp', ['-a', join(from, path), join(to, path)]);
    }
  };
  if (existsSync(to)) throw new Error(`${to} is there already`);
  mkdirSync(to, { recursive: true, mode: 0o711 });
  for (const entry of readdirSync(from)) await copy(entry);
}
