import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { recordRun } from '../../test/support/recorded-run.js';
import { formerInventories } from './former-runs.js';
import { openRunFolder } from './run-folder.js';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'rotate-ca-former-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

it('what other runs of the same cluster have found, and what cannot be read is left out', () => {
  const { inventory } = recordRun(stateDir, [], 'first');
  const { digest } = recordRun(stateDir, [], 'damaged');
  recordRun(stateDir, [], 'gone');
  recordRun(stateDir, [], 'now');
  const plan = join(stateDir, 'runs', 'damaged', 'plans', `${digest}.json`);
  const whole = readFileSync(plan, 'utf8');
  writeFileSync(plan, whole.replace(digest, digest.replace(/./g, '0')));
  rmSync(join(stateDir, 'runs', 'gone', 'plans'), { recursive: true });
  const folder = openRunFolder(stateDir, 'now');
  expect(formerInventories(folder, inventory.cluster.uid).map(({ takenAt }) => takenAt)).toEqual([inventory.takenAt]);
  expect(formerInventories(folder, 'another')).toEqual([]);
});
