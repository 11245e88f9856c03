/** Content of a pod's volume, replaced as the kubelet does it: readers see all of the one before or all of the next (k/k pkg/volume/util/atomic_writer.go). */

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Projection {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** By path in the volume: "ca.crt". */
export type Payload = ReadonlyMap<string, Projection>;

const data = '..data';
const nextData = '..data_tmp';

/** `folder` is there. Writes only if something differs, and says whether it has. Throws what the file system throws. */
export function writeVolume(folder: string, payload: Payload, nowMs: number): boolean {
  const before = linkOf(join(folder, data));
  if (before !== undefined && isSame(join(folder, before), payload)) return false;
  const stamp = mkdtempSync(join(folder, stampOf(nowMs)));
  chmodSync(stamp, 0o755);
  for (const [path, { bytes, mode }] of payload) {
    const file = join(stamp, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    chmodSync(file, mode);
  }
  rmSync(join(folder, nextData), { force: true });
  symlinkSync(stamp.slice(folder.length + 1), join(folder, nextData));
  renameSync(join(folder, nextData), join(folder, data));
  const visible = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  const there = readdirSync(folder);
  for (const name of visible) if (!there.includes(name)) symlinkSync(`${data}/${name}`, join(folder, name));
  for (const name of there) if (!name.startsWith('..') && !visible.has(name)) rmSync(join(folder, name), { force: true });
  if (before !== undefined) rmSync(join(folder, before), { recursive: true, force: true });
  return true;
}

/** The volume is a tmpfs: what it held is gone with the power, its folder stays. */
export function emptyVolume(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}

function isSame(folder: string, payload: Payload): boolean {
  try {
    if (filesBelow(folder).length !== payload.size) return false;
    return [...payload].every(([path, { bytes }]) => readFileSync(join(folder, path)).equals(bytes));
  } catch {
    return false;
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** "..2006_01_02_15_04_05.", in UTC; what mkdtemp adds makes it unique. */
function stampOf(nowMs: number): string {
  return `..${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_')}.`;
}
