/** Runs Node to its end, and fails loudly when it ended in another way than with 0. */

import { execFile } from 'node:child_process';

export interface Ended {
  readonly stdout: string;
  readonly ms: number;
}

/** Nothing of the surroundings but PATH is passed on, so that neither NODE_OPTIONS nor a kubeconfig changes what is measured. */
export function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}, timeout = 60_000): Promise<Ended> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...args], { env: { PATH: process.env.PATH ?? '', ...env }, timeout, maxBuffer: 16 * 2 ** 20 }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, ms: performance.now() - started });
      else reject(new Error(`node ${args.join(' ')}: ${error.message}\n${stderr}`));
    });
  });
}
