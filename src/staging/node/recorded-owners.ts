/** Owners that could not be given for real, by inode: the record that the shims of chown and stat keep. */

import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type RecordedOwner = readonly [uid: number, gid: number];

/** By path on this machine; undefined: it belongs to root. */
export function ownersOf(root: string): { get(path: string): RecordedOwner | undefined; set(path: string, owner: RecordedOwner): void } {
  const folder = join(dirname(root), 'state/owners');
  // "%i-%.9W" of stat(1): the inode, and its birth in nanoseconds, because an inode is given out again, also within the second.
  const fileOf = (path: string): string => {
    const { ino, birthtimeNs } = lstatSync(path, { bigint: true });
    return join(folder, `${ino}-${birthtimeNs / second}.${String(birthtimeNs % second).padStart(9, '0')}`);
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

const second = 1_000_000_000n;

/**
 * May this user read the file, by its bits? What is not there may be looked for. `recorded`: owners as they are recorded, without them those that files
 * really have. Folders are not asked: those of staging let everybody through.
 */
export function mayRead(recorded: ReturnType<typeof ownersOf> | undefined, path: string, user: { readonly uid: number; readonly gid: number }): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || user.uid === 0) return true;
  const [uid, gid] = recorded === undefined ? [stat.uid, stat.gid] : (recorded.get(path) ?? [0, 0]);
  const bit = uid === user.uid ? 0o400 : gid === user.gid ? 0o040 : 0o004;
  return (stat.mode & bit) !== 0;
}
