/** Public files of a run (certificates, plans, reports) in one folder, each with a NAME.sha256 beside it that `sha256sum -c` reads. */

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../domain/errors.js';
import { findSecret } from '../../domain/redact.js';
import type { Artefacts } from '../../ports/artefacts.js';
import { failOnDisk, makePrivateFolder, replaceFile, writeNewFile } from './durable-file.js';
import { toFileName } from './file-name.js';
import { sha256 } from './journal-lines.js';

const digestSuffix = '.sha256';

export interface DiskArtefacts extends Artefacts {
  /** File names, sorted. */
  list(): string[];
}

/** Opens the folder. `put` throws a defect for text with key material or other bytes under a used name; `get` throws RotationError file-changed. */
export function openArtefacts(options: { readonly folder: string }): DiskArtefacts {
  const { folder } = options;
  const fileOf = (name: string): string => join(folder, toFileName(name));

  function get(name: string): string | undefined {
    const file = fileOf(name);
    if (!existsSync(file)) return undefined;
    const bytes = readFileSync(file);
    const recorded = existsSync(file + digestSuffix) ? readFileSync(file + digestSuffix, 'utf8').slice(0, 64) : 'not recorded';
    if (recorded !== sha256(bytes)) {
      return fail('file-changed', {
        target: file,
        summary: 'A file of the run was changed after it was written',
        cause: `its SHA-256 is ${sha256(bytes)}, recorded is ${recorded}`,
        nextAction: 'Restore it from a backup of the state folder, then run "rotate-ca resume"',
      });
    }
    return bytes.toString('utf8');
  }

  function put(name: string, text: string): void {
    if (name.endsWith(digestSuffix)) throw new Error(`defect: an artefact may not be named "${name}"`);
    const secret = findSecret(text);
    if (secret !== undefined) throw new Error(`defect: the artefact "${name}" holds a secret (${secret}); it was not written`);
    const present = get(name);
    if (present === text) return;
    if (present !== undefined) throw new Error(`defect: the artefact "${name}" was written before with other bytes`);
    try {
      makePrivateFolder(folder);
      // The digest first: a crash in between leaves a digest without a file, which the next put replaces.
      replaceFile(fileOf(name) + digestSuffix, Buffer.from(`${sha256(text)}  ${toFileName(name)}\n`));
      writeNewFile(fileOf(name), Buffer.from(text, 'utf8'));
    } catch (error) {
      failOnDisk(error, fileOf(name), 'A file of the run');
    }
  }

  return {
    put,
    get,
    list: () =>
      existsSync(folder)
        ? readdirSync(folder)
            .filter((f) => !f.startsWith('.') && !f.endsWith(digestSuffix))
            .sort()
        : [],
  };
}
