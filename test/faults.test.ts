/** A few faults in a rehearsal, drawn by the commit; `npm run test:faults` is the whole table. */

import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { runCli } from './support/cli.js';

// About a minute on two cores that are free. No case begins after two minutes and a half, and one lasts six at most.
const longestMs = 900_000;

function seed(): string {
  if (process.env.ROTATE_CA_DRAW !== undefined) return process.env.ROTATE_CA_DRAW;
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'no-commit';
  }
}

it(
  'drawn faults end in a way that is known, with the API there',
  async () => {
    const drawn = seed();
    const { code, stdout, stderr } = await runCli(['rehearse', '--faults', 'sample', '--seed', drawn], { timeoutMs: longestMs - 10_000 });
    // What was drawn, and what was not, is for whoever reads the log of CI.
    process.stdout.write(`Faults drawn by ${drawn} (ROTATE_CA_DRAW draws others):\n${stderr}${stdout}`);
    expect(stdout).toMatch(/\d+ passed, 0 failed\n$/);
    expect(code).toBe(0);
  },
  longestMs,
);
