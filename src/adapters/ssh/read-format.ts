/** Reads what readFilesScript prints. */

import { createHash } from 'node:crypto';
import type { FileContent } from '../../ports/node-shell.js';

/** The files by path. A line that does not fit is a defect, and throws. */
export function parseFiles(output: Buffer, paths: readonly string[]): Map<string, FileContent> {
  const files = new Map<string, FileContent>();
  const lines = output.toString('utf8').split('\n');
  for (let at = 0; at + 3 < lines.length; at += 4) {
    const [head = '', label = '', link = '', base64 = ''] = lines.slice(at, at + 4);
    const match = /^file (\d+) (\d+) (\d+) (\d+) (\d+\.\d+)$/.exec(head);
    const path = paths[Number(match?.[1])];
    if (match === null || path === undefined || !label.startsWith('label ') || !link.startsWith('link ')) {
      throw new Error(`the answer of a node to reading files has an unexpected line (${at + 1})`);
    }
    const bytes = Buffer.from(base64, 'base64');
    files.set(path, {
      bytes,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      mode: (match[2] ?? '').padStart(4, '0'),
      uid: Number(match[3]),
      gid: Number(match[4]),
      mtimeMs: Math.round(Number(match[5]) * 1000),
      // `?`: a file system without labels.
      ...(label.length > 6 && label !== 'label ?' ? { label: label.slice(6) } : {}),
      ...(link.length > 5 ? { linkTo: link.slice(5) } : {}),
    });
  }
  return files;
}
