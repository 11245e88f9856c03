/** A module of this program as a process of its own, with an IPC channel. */

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** From `dist` it is JavaScript; from the sources it is read as this process reads them. Standard error is a pipe. `options`: of node. */
export function forkModule(url: URL, options: readonly string[] = []): ChildProcess {
  const built = fileURLToPath(url);
  const file = existsSync(built) ? built : built.replace(/\.js$/, '.ts');
  const loader = file.endsWith('.ts') && !process.execArgv.some((argument) => argument.includes('tsx')) ? ['--import', import.meta.resolve('tsx')] : [];
  // In a group of its own Ctrl-C does not reach it: who drives the rotation decides when it ends.
  return fork(file, [], {
    execArgv: [...process.execArgv.filter((argument) => !argument.startsWith('--inspect')), ...options, ...loader],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
  });
}
