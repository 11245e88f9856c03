/** Files that are whole or not there, and still there after a power cut. */

import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fail } from '../../domain/errors.js';

/** Makes the names in a folder durable: without it a new file may be gone after a crash although its bytes were synced. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a folder that only its owner may enter. */
export function makePrivateFolder(folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) syncFolder(dirname(folder));
}

/** Writes a new file, mode 0600, durably and at once. False if there is one of that name already: it is left as it is. */
export function writeNewFile(file: string, bytes: Uint8Array): boolean {
  const temporary = writeTemporary(file, bytes);
  try {
    // link, not rename: it fails where the name is taken.
    linkSync(temporary, file);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK' && code !== 'ENOSYS') throw error;
    // A file system without hard links.
    if (existsSync(file)) return false;
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(file));
  return true;
}

/** Writes a file, mode 0600, durably and at once, in place of what is there. */
export function replaceFile(file: string, bytes: Uint8Array): void {
  const temporary = writeTemporary(file, bytes);
  try {
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(file));
}

function writeTemporary(file: string, bytes: Uint8Array): string {
  const temporary = join(dirname(file), `.${basename(file).slice(0, 60)}.${randomBytes(6).toString('hex')}.tmp`);
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    writeAll(fd, bytes);
    fsyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return temporary;
}

/** Writes all bytes: a full disk may first take a part of them. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
}

/** The errno name of an error of node:fs ("ENOSPC"), or ''. RotationErrors have a code too, but no errno. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'errno' in error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Throws disk-full or journal-unwritable for an error of node:fs; anything else is thrown on as the defect it is. */
export function failOnDisk(error: unknown, file: string, what: string): never {
  const code = errorCode(error);
  if (code === '') throw error;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return fail(full ? 'disk-full' : 'journal-unwritable', {
    target: file,
    summary: `${what} could not be written`,
    cause: `${code}: ${diskReasons[code] ?? 'the file system refused'}`,
    nextAction: full ? `Make room in "${dirname(file)}", then run "rotate-ca resume"` : `Make "${dirname(file)}" writable for this user, then run "rotate-ca resume"`,
    retryable: false,
  });
}

/** What an errno name means for someone who wants to write. */
export const diskReasons: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would exceed the size limit',
  EROFS: 'the file system is read-only',
  EIO: 'the device reported an input/output error',
  EACCES: 'permission denied',
  EPERM: 'the operation is not permitted',
  ENOENT: 'the folder is gone',
};
