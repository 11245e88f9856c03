/** Watches, all through a scenario, whether nodes stay Ready. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Lab } from '../lab.js';

/** A stretch of time in which a node was not Ready, as its object said. */
export interface Unready {
  readonly node: string;
  readonly fromMs: number;
  readonly seconds: number;
}

export interface NodeWatch {
  /** Ends the watch. Stretches that are still open end now. */
  end(): Promise<readonly Unready[]>;
}

const columns = 'custom-columns=NAME:.metadata.name,READY:.status.conditions[?(@.type=="Ready")].status';

/**
 * One watch through each API server, so that it does not matter if one ends. It presents the admin credential of before:
 * a request that was let in goes on after its certificate is no longer accepted.
 */
export function watchNodes(lab: Lab): NodeWatch {
  const since = new Map<string, number>();
  const stretches: Unready[] = [];
  const heard = (node: string, ready: boolean): void => {
    const from = since.get(node);
    if (!ready && from === undefined) since.set(node, Date.now());
    if (!ready || from === undefined) return;
    since.delete(node);
    stretches.push({ node, fromMs: from, seconds: (Date.now() - from) / 1000 });
  };
  const watches = lab.controlPlanes.map(({ ip }) => startWatch(lab, `https://${ip}:6443`, heard));
  return {
    async end() {
      await Promise.all(watches.map(endOf));
      for (const node of [...since.keys()]) heard(node, true);
      return stretches;
    },
  };
}

function startWatch(lab: Lab, server: string, heard: (node: string, ready: boolean) => void): ChildProcess {
  const args = ['--pdeathsig', 'KILL', join(lab.paths.releaseBin, 'kubectl'), '--kubeconfig', lab.paths.adminKubeconfig, '--server', server];
  const child = spawn('setpriv', [...args, 'get', 'nodes', '--watch', '--no-headers', '-o', columns], { stdio: ['ignore', 'pipe', 'ignore'] });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [node, ready] = line.trim().split(/\s+/);
    if (node !== undefined && ready !== undefined) heard(node, ready === 'True');
  });
  return child;
}

function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGTERM');
  });
}
