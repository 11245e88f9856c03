/** The staging Vault against what a real Vault 1.21 was recorded to answer (fidelity.lab.test.ts records). */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCore } from './core.js';
import type { VaultCore } from './vault-core.js';
import { type Told, runTable, withoutChance } from './fidelity.test-support.js';
import { table } from './fidelity-table.test-support.js';
import { type Listening, listen } from './listen.js';

const recorded = JSON.parse(readFileSync('fixtures/transcripts/vault-table.json', 'utf8')) as Record<string, Told>;
const running: Listening[] = [];
let told: Record<string, Told> = {};

beforeAll(async () => {
  const [open, sealed] = [await bare(), await bare()];
  sealed.core.sealed = true;
  told = await runTable(open, sealed);
});
afterAll(() => Promise.all(running.map((one) => one.close())));

async function bare(): Promise<Listening & { readonly core: VaultCore; readonly rootToken: string }> {
  const core = createCore(Date.now);
  const { id: rootToken } = core.tokens.create({ policies: ['root'], displayName: 'root', path: 'auth/token/root', orphan: true, ttl: 0 });
  const listening = await listen(core, { address: '127.0.0.1', port: 0 });
  running.push(listening);
  return { ...listening, core, rootToken };
}

it('has a recorded answer for every row, and no row twice', () => {
  expect(Object.keys(recorded)).toEqual(table.map(({ name }) => name));
});

it.each(table.map(({ name, method, path }) => [name, `${method} ${path}`] as const))('%s: %s', (name) => {
  expect(told[name]).toEqual(recorded[name]);
});

// The transcripts of the adapter's tests come from another set of engines and policies: their shape must be ours, too.
const shapes: readonly (readonly [transcript: string, row: string])[] = [
  ['health', 'health'],
  ['health-sealed', 'sealed-health'],
  ['sealed', 'sealed-lookup'],
  ['token-wrong', 'lookup-wrong'],
  ['token-lookup', 'lookup'],
  ['token-renewed', 'renew'],
  ['capabilities', 'capabilities-root'],
  ['permission-denied', 'segment-denied'],
  ['mount', 'ui-mount'],
  ['mount-missing', 'ui-mount-nope'],
  ['no-handler', 'no-mount'],
  ['issuers-empty', 'list-empty'],
  ['issuer-unknown', 'issuer-nope'],
  ['issuer-name-taken', 'root-name-taken'],
  ['approle-login', 'login'],
  ['approle-wrong', 'login-wrong-role'],
];

it.each(shapes)('has the shape of the transcript %s', (transcript, row) => {
  const { status, body } = JSON.parse(readFileSync(`fixtures/transcripts/vault/${transcript}.json`, 'utf8')) as Told;
  expect(told[row]?.status).toBe(status);
  expect(shapeOf(told[row]?.body)).toEqual(shapeOf(withoutChance(body)));
});

/** Fields and kinds; texts of errors whole. */
function shapeOf(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return key === 'errors' ? value : value.length === 0 ? [] : ['...'];
  if (typeof value === 'string') return 'text';
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  const known = Object.entries(value).filter(([name]) => !/^(?:pki|fid|x$)/.test(name));
  return Object.fromEntries(known.map(([name, inner]) => [name, shapeOf(inner, name)]));
}
