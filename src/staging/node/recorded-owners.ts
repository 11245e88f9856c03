/** Owners that could not be given for real, by inode: the record that the shims of chown and stat keep. */

import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type RecordedOwner = readonly [uid: number, gid: number];

/** By path on this machine; undefined: it belongs to root. */
export function ownersOf(root: string): { get(path: string): RecordedOwner | undefined; set(path: string, owner: RecordedOwner): void } {
  const folder = join(dirname(root), 'state/owners');
  // "%i-%W" of stat(1): the inode, and the second of its birth, because an inode is given out again.
  const fileOf = (path: string): string => {
    const stat = lstatSync(path);
    return join(folder, `${stat.ino}-${Math.floor(stat.birthtimeMs / 1000)}`);
  };
  return {
    get(path) {
      if (!existsSync(join(folder, 'some'))) return undefined;
      const file = fileOf(path);
      if (!existsSync(file)) return undefined;
      const [uid = 0, gid = 0] = readFileSync(file, 'utf8').trim().split(' ').map(Number);
      return [uid, gid];
    },
    set(path, [uid, gid]) {
      writeFileSync(join(folder, 'some'), '');
      writeFileSync(fileOf(path), `${uid} ${gid}\n`);
    },
  };
}
