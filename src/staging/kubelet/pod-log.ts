/** The log of one container: its last lines in memory, and the file below /var/log/pods that containerd writes (CRI format). */

import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { StagingNode } from '../node/staging-node.js';

export interface PodLog {
  write(line: string): void;
  lines(): readonly string[];
}

const keptLines = 500;
const keptBytes = 256 * 1024;

/** Written past `node.write`: a line of a log is no change of files that anybody watches. `path` is the node's own. */
export function openPodLog(node: StagingNode, path: string, now: () => number): PodLog {
  const lines: string[] = [];
  const file = join(node.root, path);
  let size = 0;

  function append(line: string): void {
    try {
      if (size === 0) mkdirSync(dirname(file), { recursive: true });
      const text = `${new Date(now()).toISOString()} stderr F ${line}\n`;
      appendFileSync(file, text);
      size += text.length;
      if (size > keptBytes) {
        writeFileSync(file, readFileSync(file).subarray(-keptBytes / 2));
        size = statSync(file).size;
      }
    } catch {
      // A node that is being taken away, or a full disk: a log line is not worth ending a component.
    }
  }

  return {
    write(line) {
      lines.push(line);
      if (lines.length > keptLines) lines.splice(0, lines.length - keptLines);
      append(line);
    },
    lines: () => lines,
  };
}
