/** The same requests to a real Vault and to the staging one: same status, same fields, same words, same certificates. `RECORD=1` writes the answers of the real one. */

import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RealVault, startRealVault } from '../../../test/support/real-vault.js';
import { createCore } from './core.js';
import { type Target, type Told, runTable } from './fidelity.test-support.js';
import { table } from './fidelity-table.test-support.js';
import { listen } from './listen.js';

const file = 'fixtures/transcripts/vault-table.json';
const ends: (() => Promise<void>)[] = [];
let real: Record<string, Told> = {};
let staging: Record<string, Told> = {};

beforeAll(async () => {
  const targets = await Promise.all([startRealVault(), startRealVault({ sealed: true })]);
  for (const { stop } of targets) ends.push(stop);
  const [open, sealed] = targets.map(asTarget);
  if (open === undefined || sealed === undefined) throw new Error('no Vault');
  real = await runTable(open, sealed);
  if (process.env.RECORD === '1') writeFileSync(file, `${JSON.stringify(real, null, 1)}\n`);
  staging = await runTable(await stagingTarget(false), await stagingTarget(true));
}, 120_000);
afterAll(() => Promise.all(ends.map((end) => end())));

function asTarget({ address, caFile, rootToken }: RealVault): Target {
  return { url: address, caPem: readFileSync(caFile, 'utf8'), rootToken };
}

async function stagingTarget(sealed: boolean): Promise<Target> {
  const core = createCore(Date.now);
  const { id: rootToken } = core.tokens.create({ policies: ['root'], displayName: 'root', path: 'auth/token/root', orphan: true, ttl: 0 });
  core.sealed = sealed;
  const listening = await listen(core, { address: '127.0.0.1', port: 0 });
  ends.push(listening.close);
  return { ...listening, rootToken };
}

it.each(table.map(({ name, method, path }) => [name, `${method} ${path}`] as const))('%s: %s', (name) => {
  expect(staging[name]).toEqual(real[name]);
  expect(real[name]).toEqual((JSON.parse(readFileSync(file, 'utf8')) as Record<string, Told>)[name]);
});
