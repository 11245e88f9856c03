import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes beside and renames, so that a killed lab never leaves half a file. Readable by root only unless told. */
export function writeFileAtomically(file: string, content: string | Buffer, mode = 0o600): void {
  mkdirSync(dirname(file), { recursive: true });
  const beside = `${file}.new`;
  writeFileSync(beside, content, { mode });
  renameSync(beside, file);
}
