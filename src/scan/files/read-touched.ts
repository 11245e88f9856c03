/** Reads some files of a node again, as the scan reads them: after a step has written them. */

import type { FileRecord } from '../../domain/cluster/inventory.js';
import type { NodeShell, RunOptions } from '../../ports/node-shell.js';
import { readFindings } from './read-files.js';
import { touchedScript } from './script.js';

/** Those that are there, by path. A path that cannot be put between quotes is left out. Throws what the shell throws. */
export async function readTouched(
  shell: NodeShell,
  files: readonly { readonly kind: 'pem' | 'kubeconfig'; readonly path: string }[],
  call: RunOptions,
): Promise<ReadonlyMap<string, FileRecord>> {
  const readable = files.filter(({ path }) => !/['\n]/.test(path));
  const found = readFindings(shell.node, await shell.must(touchedScript(readable), call));
  return new Map(found.files.map((file) => [file.path, file]));
}
