/** Folders of staging clusters: each names the process that it belongs to, so that what a killed one left behind is found and removed. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const prefix = 'rotate-ca-staging-';
const ownerFile = 'owner.json';
const owner = z.object({ pid: z.int().positive(), startedAt: z.string() });

/** A new folder of 0700 in the temporary folder, that belongs to this process. Throws what mkdtemp throws (ENOSPC, EACCES, ENOENT), and leaves nothing then. */
export function makeOwnedFolder(base: string = tmpdir()): string {
  const folder = mkdtempSync(join(base, prefix));
  try {
    takeOver(folder, process.pid);
  } catch (error) {
    // Without an owner nobody would ever remove it.
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** Makes another process its owner. */
export function takeOver(folder: string, pid: number): void {
  writeFileSync(join(folder, ownerFile), `${JSON.stringify({ pid, startedAt: startOf(pid) ?? '' })}\n`, { mode: 0o600 });
}

/** Removes the folders whose owner is not there any more. Returns them; one that cannot be removed now is left to the next start. Another process with the same number is told apart by its start. */
export function removeAbandoned(base: string = tmpdir()): string[] {
  if (!existsSync(base)) return [];
  const folders = readdirSync(base)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(base, name));
  return folders.filter((folder) => {
    const owned = ownerOf(folder);
    // Without a readable owner it may just be being made: it is left to whoever makes it.
    if (owned === undefined || startOf(owned.pid) === owned.startedAt) return false;
    try {
      // A program of a node may outlive the cluster by a moment, and write where everything is being removed.
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    } catch {
      return false;
    }
    return !existsSync(folder);
  });
}

function ownerOf(folder: string): z.infer<typeof owner> | undefined {
  try {
    return owner.parse(JSON.parse(readFileSync(join(folder, ownerFile), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Start of a process: clock ticks since boot where there is /proc (proc(5), field 22); elsewhere "alive" is all that is known. undefined: there is none. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // One that has ended and that nobody has asked about yet (state Z, X) is not there any more.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    if (existsSync('/proc/self/stat')) return undefined;
  }
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return undefined;
  }
}
