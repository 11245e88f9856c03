/** What a script that was killed between two of its lines has left beside the files that it wanted to put in place. It may hold keys. */

import type { NodeShell } from '../ports/node-shell.js';
import { paths, pki } from './run-files.js';

const folders = ['/etc/kubernetes', pki, paths.manifests, '/var/lib/kubelet', paths.kubeletPki];
const halfCopied = [paths.signingKey, paths.signingCa, paths.publishedCa];

/** Removes temporary files of ours, told by their names, and nothing else. To be called where no script of a run is at work on the node. */
export async function removeLeftovers(shell: NodeShell, options: { readonly deadlineMs: number; readonly signal?: AbortSignal }): Promise<void> {
  // A pattern that matches nothing stays as it is, and rm -f does not mind.
  await shell.must(`rm -f -- ${folders.map((f) => `${f}/.rotate-ca.*.tmp`).join(' ')} ${halfCopied.map((f) => `${f}.part`).join(' ')}`, options);
}
