/** How a rehearsal can be ended, and that nothing is left of it: no file, no process, no port. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nothing, type RehearsalPlace, rehearsalPlace, type StartedRehearsal } from './support/rehearsal.js';

const started = /It is up after/;
const starting = /Starting a staging cluster/;
const inTheMiddle = /✓ +5\/\d+ /;
/** Its own deadline for a cluster that does not stop is 5 s; a busy machine is given more. */
const soonMs = 120_000;

describe('a rehearsal that is ended', () => {
  let place: RehearsalPlace;
  beforeEach(() => {
    place = rehearsalPlace();
  });
  afterEach(() => place.remove());

  const small = (): StartedRehearsal => place.start(['--topology', 'small']);

  /** Of the process that is the cluster. */
  function clusterPid(): number {
    const found = place.left().processes.find((line) => /staging\/main\.(js|ts)/.test(line));
    return Number(found?.split(' ')[0] ?? Number.NaN);
  }

  it.each<[string, RegExp, readonly NodeJS.Signals[]]>([
    ['Ctrl-C while the cluster starts', starting, ['SIGINT']],
    ['Ctrl-C in the middle', inTheMiddle, ['SIGINT']],
    ['Ctrl-C twice', inTheMiddle, ['SIGINT', 'SIGINT']],
    ['SIGTERM', starting, ['SIGTERM']],
  ])('%s: exit code 130', async (_, when, signals) => {
    const run = small();
    await run.until(when);
    for (const signal of signals) run.child.kill(signal);
    expect(await run.ended).toBe(130);
    expect(run.stdout()).toBe('');
    expect(run.stderr()).toMatch(/\nError interrupted: the rehearsal was interrupted \(rehearsal\)\n {2}Next: Nothing is left of it\. Start it again\.\n$/);
    expect(run.stderr()).not.toContain('defect');
    expect(place.left()).toEqual(nothing);
  });

  it('SIGKILL of the rehearsal: the cluster ends by itself and takes its folder along', async () => {
    const run = small();
    await run.until(inTheMiddle);
    expect(place.left().files).toHaveLength(1);
    run.child.kill('SIGKILL');
    expect(await run.ended).toBe('SIGKILL');
    expect(await place.leftAfter(soonMs)).toEqual(nothing);
  });

  it('SIGKILL of both: the next start removes what is left', async () => {
    const run = small();
    await run.until(started);
    const pid = clusterPid();
    run.child.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
    expect(await run.ended).toBe('SIGKILL');
    const [folder = ''] = place.left().files;
    expect(folder).toMatch(/^rotate-ca-staging-/);
    const next = small();
    await next.until(starting);
    await expect.poll(() => existsSync(join(place.tmp, folder)), { timeout: soonMs }).toBe(false);
    next.child.kill('SIGINT');
    expect(await next.ended).toBe(130);
    expect(place.left()).toEqual(nothing);
  });
});
