/** Takes away the lock of a process that is gone for good, by the id that the refusal has named. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeOwner, forceUnlock, isStale, readLock } from '../adapters/disk/lock.js';
import { fail } from '../domain/errors.js';

/** Returns what was done. Throws decision-refused: no such lock, or its process is alive on this machine. */
export function unlock(stateDir: string, id: string): string {
  const folder = join(stateDir, 'locks');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const file = join(folder, name);
    const owner = readLock(file);
    if (owner?.id !== id) continue;
    if (!isStale(owner) && isAlive(owner.pid)) {
      fail('decision-refused', {
        target: file,
        summary: 'the lock is held by a process that is alive',
        cause: describeOwner(owner),
        nextAction: `Run "rotate-ca pause ${owner.run}", or end process ${owner.pid} there.`,
      });
    }
    if (forceUnlock(file, id)) return `Took away the lock of ${describeOwner(owner)}.`;
  }
  return fail('decision-refused', { target: folder, summary: `there is no lock with the id "${id}"`, nextAction: 'Take the id from the message that says who holds the lock.' });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
