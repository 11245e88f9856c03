/** Signals a process of a node by its name, as somebody at the node would with pkill. */

import { Readable } from 'node:stream';
import type { StagingNode } from './staging-node.js';

/** Nothing happens where no process of that name runs. */
export async function signalByName(node: StagingNode, name: string, signal: 'KILL' | 'TERM'): Promise<void> {
  const pids = node.processes().flatMap((process) => (process.name === name ? [process.pid] : []));
  if (pids.length === 0 || !node.isOn) return;
  await node.exec(`exec kill -${signal} ${pids.join(' ')}`, { user: 'root', stdin: Readable.from([]), signal: new AbortController().signal });
}
