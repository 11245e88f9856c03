/** Asks the process that drives a run to stop at the next safe point, as Ctrl-C at its terminal would. */

import { hostname } from 'node:os';
import { join } from 'node:path';
import { readLock } from '../adapters/disk/lock.js';
import { fail } from '../domain/errors.js';
import { overviewOf } from './list-runs.js';

/** Returns what was done, in words. Throws decision-refused if the process is on another machine. */
export function askToPause(stateDir: string, run: string, by: string): string {
  const { plan } = overviewOf(stateDir, run);
  const owner = readLock(join(plan.settings.stateDir, 'locks', `${plan.inventory.cluster.uid}.lock`));
  if (owner === undefined || owner.run !== run) return `Run ${run} is not being driven by any process now; it goes on only when somebody resumes it.`;
  if (owner.host !== hostname()) {
    return fail('decision-refused', { target: run, summary: `it is driven from ${owner.host}`, nextAction: `Run "rotate-ca pause ${run}" there.` });
  }
  process.kill(owner.pid, 'SIGINT');
  return `Asked process ${owner.pid} to stop run ${run} at the next safe point (by ${by}).`;
}
