/** Checkpoints and backups of a run: encrypted files in one private folder, each written once and known by its digest. */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../domain/errors.js';
import type { Checkpoint, CheckpointRef, Checkpoints } from '../../ports/checkpoints.js';
import type { Sealing } from '../../ports/sealing.js';
import { errorCode, failOnDisk, makePrivateFolder, writeNewFile } from './durable-file.js';
import { isPlainFileName, toFileName } from './file-name.js';
import { sha256 } from './journal-lines.js';

const checkpointVersion = 1;

export interface DiskCheckpoints extends Checkpoints {
  /** What `saveBlob` has kept. Throws RotationError checkpoint-damaged, recipients-unusable. */
  loadBlob(ref: CheckpointRef): Promise<Uint8Array>;
}

/**
 * Opens the folder (0700; files 0600). References are file names in it: STEP@TARGET@ATTEMPT.age, blob@NAME.age.
 * A name that is taken gets a number, because a run that was killed between the file and its journal line takes the checkpoint again:
 * what the journal names is never overwritten. Throws RotationError disk-full, journal-unwritable.
 */
export function openCheckpoints(options: { readonly folder: string; readonly sealing: Sealing }): DiskCheckpoints {
  const { folder, sealing } = options;

  async function write(name: string, plain: Uint8Array): Promise<CheckpointRef> {
    const sealed = await sealing.seal(plain);
    try {
      makePrivateFolder(folder);
      let ref = `${name}.age`;
      for (let n = 2; !writeNewFile(join(folder, ref), sealed); n++) ref = `${name}@${n}.age`;
      return { ref, sha256: sha256(sealed) };
    } catch (error) {
      return failOnDisk(error, join(folder, `${name}.age`), 'A checkpoint');
    }
  }

  return {
    save: ({ step, target, attempt }, checkpoint) =>
      write(`${toFileName(step)}@${toFileName(target)}@${attempt}`, Buffer.from(JSON.stringify({ v: checkpointVersion, checkpoint }))),
    saveBlob: (name, bytes) => write(`blob@${toFileName(name)}`, bytes),
    async load(ref) {
      const file = join(folder, ref.ref);
      return decode(await sealing.open(readSealed(folder, ref), file), file);
    },
    loadBlob: (ref) => sealing.open(readSealed(folder, ref), join(folder, ref.ref)),
    async prove() {
      const canary = randomBytes(32);
      const opened = await sealing.open(await sealing.seal(canary), 'canary');
      if (!canary.equals(opened)) damaged('canary', 'what was decrypted is not what was encrypted');
    },
  };
}

function readSealed(folder: string, ref: CheckpointRef): Buffer {
  const file = join(folder, ref.ref);
  if (!isPlainFileName(ref.ref)) return damaged(file, 'the reference is no file name of this folder');
  let sealed: Buffer;
  try {
    sealed = readFileSync(file);
  } catch (error) {
    const code = errorCode(error);
    if (code === '') throw error;
    return damaged(file, code === 'ENOENT' ? 'the file is gone' : `the file cannot be read (${code})`);
  }
  const found = sha256(sealed);
  return found === ref.sha256 ? sealed : damaged(file, `its SHA-256 is ${found}, the journal says ${ref.sha256}`);
}

function decode(bytes: Uint8Array, file: string): Checkpoint {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
  if (typeof value !== 'object' || value === null || !('v' in value) || !('checkpoint' in value)) return damaged(file, 'it holds no checkpoint');
  if (value.v !== checkpointVersion) return damaged(file, `its version is ${String(value.v)}; this rotate-ca reads version ${checkpointVersion}`);
  return value.checkpoint as Checkpoint; // Digest and AEAD have held: these bytes are what save() wrote.
}

function damaged(file: string, cause: string): never {
  return fail('checkpoint-damaged', {
    target: file,
    summary: 'A checkpoint cannot be used',
    cause,
    nextAction: 'Restore it from a backup of the state folder; do not roll back without it',
  });
}
