import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';

/** Hash of everything that a build output depends on: files, folders (one level) and plain strings. */
export function inputsHash(inputs: { files?: readonly string[]; strings?: readonly string[] }): string {
  const hash = createHash('sha256');
  const add = (label: string, content: string | Buffer): void => {
    hash.update(`${label}\0${content.length}\0`).update(content);
  };
  for (const path of inputs.files ?? []) {
    if (statSync(path).isDirectory()) {
      for (const entry of readdirSync(path).sort()) add(entry, readFileSync(join(path, entry)));
    } else {
      add(path.slice(path.lastIndexOf('/') + 1), readFileSync(path));
    }
  }
  for (const text of inputs.strings ?? []) add('', text);
  return hash.digest('hex');
}

/** Whether the output was made from exactly these inputs. A stamp is written only after its output is complete. */
export function isFresh(stampFile: string, hash: string, outputs: readonly string[]): boolean {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hash && outputs.every((file) => existsSync(file));
}

export function writeStamp(stampFile: string, hash: string): void {
  writeFileAtomically(stampFile, hash, 0o644);
}
