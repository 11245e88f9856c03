import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordRun } from '../../test/support/recorded-run.js';
import type { Fact } from '../domain/run/facts.js';
import { artefactNames } from '../operations/run-files.js';
import { destroyOutgoing, prepareFinalization, refuseIfFinal } from './finalize.js';
import { overviewOf } from './list-runs.js';
import { openRunFolder } from './run-folder.js';

const hour = 3600_000;
// Facts are a second apart from midnight: opened, submitted, ended.
const endedAt = Date.parse('2026-11-23T00:00:03Z');
const ended: readonly Fact[] = [
  { type: 'run.submitted', by: 'sre' },
  { type: 'run.ended', outcome: 'succeeded' },
];

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'rotate-ca-finalize-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

function record(facts: readonly Fact[], { name = 'r1', copies = ['a@cp1@1.age', 'blob@etcd.age'], artefacts = {} as Record<string, string> } = {}) {
  recordRun(stateDir, facts, name);
  const folder = openRunFolder(stateDir, name);
  for (const copy of copies) writeFileSync(join(folder.folder, 'checkpoints', copy), 'sealed');
  const { attempt } = overviewOf(stateDir, name).progress;
  for (const [artefact, text] of Object.entries(artefacts)) folder.artefacts(attempt).put(artefact, text);
  return folder;
}

const prepare = (now = endedAt + 24 * hour, run = 'r1') => prepareFinalization({ stateDir, run, soakMs: 24 * hour, now });
const left = (run = 'r1') => readdirSync(join(stateDir, 'runs', run, 'checkpoints'));

describe('finalize', () => {
  it.each<[string, readonly Fact[], number, string]>([
    ['that is going on', [], 24 * hour, 'it is still going on'],
    ['that was taken back', [{ type: 'run.ended', outcome: 'rolledBack' }], 24 * hour, 'rolledBack'],
    ['that has not soaked', ended, 24 * hour - 1000, '1m are left'],
    ['that has just ended', ended, 0, '24h are left'],
  ])('refuses a run %s, and destroys nothing', (_, facts, after, cause) => {
    record(facts);
    expect(() => prepare(endedAt + after)).toThrow(expect.objectContaining({ code: 'decision-refused', message: expect.stringContaining(cause) }));
    expect(left()).toHaveLength(2);
  });

  it('destroys all copies, writes it down, and there is no way back', async () => {
    record(ended);
    refuseIfFinal(stateDir, 'r1');
    const prepared = prepare();
    expect(prepared.copies.map((c) => c.split('/').at(-1))).toEqual(['a@cp1@1.age', 'blob@etcd.age']);
    expect(prepared.outOfReach.join('\n')).toContain('the issuer, if the outgoing CA was made there');
    await destroyOutgoing(stateDir, prepared, { by: 'sre', env: {} });
    expect(left()).toEqual([]);
    expect(overviewOf(stateDir, 'r1').lines.at(-1)?.fact).toEqual({ type: 'outgoing.destroyed', copies: prepared.copies, by: 'sre' });
    expect(() => refuseIfFinal(stateDir, 'r1')).toThrow(expect.objectContaining({ code: 'decision-refused' }));
    expect(() => prepare()).toThrow(expect.objectContaining({ message: expect.stringContaining('that was done before') }));
  });

  it('that was cut off between the fact and the last file is ended by a second call', async () => {
    record([...ended, { type: 'outgoing.destroyed', copies: ['a@cp1@1.age', 'blob@etcd.age'], by: 'sre' }], { copies: ['blob@etcd.age'] });
    const prepared = prepare();
    expect(prepared.copies.map((c) => c.split('/').at(-1))).toEqual(['blob@etcd.age']);
    await destroyOutgoing(stateDir, prepared, { by: 'sre', env: {} });
    expect(left()).toEqual([]);
  });

  it('finds the outgoing CA at the issuer where an earlier run had it made', () => {
    const ids = JSON.stringify({ issuerId: 'issuer-1', keyId: 'key-1' });
    record(ended, { name: 'r0', artefacts: { [artefactNames.incomingCa]: 'PEM of b\n', [artefactNames.incomingIssuer]: ids } });
    record(ended, { name: 'other', artefacts: { [artefactNames.incomingCa]: 'PEM of c\n', [artefactNames.incomingIssuer]: ids } });
    record(ended, { artefacts: { [artefactNames.outgoingCa]: 'PEM of b', [artefactNames.incomingCa]: 'PEM of d' } });
    const prepared = prepare();
    expect(prepared.atIssuer).toEqual({ issuerId: 'issuer-1', keyId: 'key-1', madeBy: 'r0' });
    expect(prepared.outOfReach.join('\n')).not.toContain('the issuer, if');
  });

  it('does not take the copies of another run', async () => {
    record(ended, { name: 'r0' });
    record(ended);
    await destroyOutgoing(stateDir, prepare(), { by: 'sre', env: {} });
    expect(left('r0')).toHaveLength(2);
    expect(existsSync(join(stateDir, 'runs', 'r1', 'journal.jsonl'))).toBe(true);
  });
});
