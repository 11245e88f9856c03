/** A module of this program as a process of its own, with an IPC channel. */

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The descriptor of the link in the process that is started. */
export const linkDescriptor = 4;

/**
 * From `dist` it is JavaScript; from the sources it is read as this process reads them. Standard error is a pipe. `options`: of node.
 * `hasLink`: beside the IPC channel there is a socket for whatever both sides agree on, `child.stdio[linkDescriptor]` here.
 */
export function forkModule(url: URL, options: readonly string[] = [], { hasLink = false } = {}): ChildProcess {
  const built = fileURLToPath(url);
  const file = existsSync(built) ? built : built.replace(/\.js$/, '.ts');
  const loader = file.endsWith('.ts') && !process.execArgv.some((argument) => argument.includes('tsx')) ? ['--import', import.meta.resolve('tsx')] : [];
  // In a group of its own Ctrl-C does not reach it: who drives the rotation decides when it ends.
  return fork(file, [], {
    execArgv: [...process.execArgv.filter((argument) => !argument.startsWith('--inspect')), ...options, ...loader],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', ...(hasLink ? (['pipe'] as const) : [])],
    detached: true,
  });
}
