import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordRun } from '../../test/support/recorded-run.js';
import { takeLock } from '../adapters/disk/lock.js';
import type { Holder, Shadow } from '../domain/trust/holders.js';
import { acknowledge, handOff, refuseUnknownHolder, writeDown, writeHandoff } from './handoff.js';
import { overviewOf } from './list-runs.js';
import { refuseWithoutAcks } from './shadow.js';

const holder = (id: string, more: Partial<Holder> = {}): Holder => ({
  id,
  kind: 'certificate',
  who: id.split('/')[0] ?? '',
  why: 'nobody knows it',
  nextAction: '',
  userAgents: [],
  addresses: [],
  asksAck: true,
  ...more,
});
const shadow = (...holders: Holder[]): Shadow => ({ holders, goOn: 0, ended: [], peers: [], unseen: [] });
const alice = holder('alice/3fa91c02');
const all = shadow(alice, holder('ci/00000001'), holder('pod app/old', { asksAck: false, who: 'pod app/old' }));

describe('whom can be acknowledged', () => {
  it.each(['alice', 'alice/3fa91c02', 'ci'])('%s', (text) => expect(() => refuseUnknownHolder(text, all)).not.toThrow());

  it.each<[string, Shadow, string, string]>([
    ['alcie', all, 'holders: alice/3fa91c02, ci/00000001', 'Did you mean "alice"? '],
    ['pod app/old', all, 'holders: alice/3fa91c02, ci/00000001', 'Give a holder'],
    ['alice', shadow(), 'nobody is asked for one', 'Give a holder'],
    ['', all, 'holders: alice/3fa91c02, ci/00000001', 'Give a holder'],
  ])('and not %j', (text, among, cause, next) =>
    expect(() => refuseUnknownHolder(text, among)).toThrow(
      expect.objectContaining({ failures: [expect.objectContaining({ code: 'usage', target: '--ack', cause, nextAction: expect.stringContaining(next) as string })] }),
    ),
  );
});

it('approval names each that is missing, and goes on once none is', () => {
  const refused = (of: Shadow) => () => refuseWithoutAcks(of, 'r1');
  expect(refused(shadow(alice))).toThrow(expect.objectContaining({ code: 'acks-missing', message: expect.stringContaining('alice/3fa91c02') as string }));
  expect(refused(shadow({ ...alice, isAcknowledged: true }))).not.toThrow();
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-handoff-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('files for holders', () => {
  const files = [
    { path: 'bundle-final.pem', text: 'one' },
    { path: 'holders/alice.md', text: 'two' },
  ];
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

  it('are for their reader alone, also where others were before', () => {
    const out = join(folder, 'a', 'b');
    const written = writeHandoff(out, files);
    expect(written).toEqual([join(out, 'bundle-final.pem'), join(out, 'holders/alice.md')]);
    expect([out, join(out, 'holders'), ...written].map(mode)).toEqual(['700', '700', '600', '600']);
    for (const file of written) chmodSync(file, 0o644);
    writeHandoff(out, [{ path: 'bundle-final.pem', text: 'three' }]);
    expect([readFileSync(written[0] ?? '', 'utf8'), mode(written[0] ?? ''), readFileSync(written[1] ?? '', 'utf8')]).toEqual(['three', '600', 'two']);
  });

  it('an own folder stays as it is', () => {
    mkdirSync(join(folder, 'shared'), { mode: 0o755 });
    writeHandoff(join(folder, 'shared'), files);
    expect(mode(join(folder, 'shared'))).toBe('755');
  });

  it('what cannot be written is said with its place', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => writeHandoff(join(folder, 'file'), files)).toThrow(
      expect.objectContaining({ failures: [expect.objectContaining({ code: 'usage', target: '--out', summary: expect.stringContaining('file/bundle-final.pem') as string })] }),
    );
  });
});

describe('a run', () => {
  const where = () => ({ stateDir: folder, run: 'r1' });
  const asked = () => ({ ...where(), env: {}, signal: new AbortController().signal });
  const record = (...facts: Parameters<typeof recordRun>[1][number][]) => recordRun(folder, [{ type: 'run.submitted', by: 'sre' }, ...facts], 'r1');

  it('writes down whom somebody has acknowledged', async () => {
    record();
    await writeDown({ ...where(), holder: 'alice', by: 'sre' });
    expect(overviewOf(folder, 'r1').lines.at(-1)?.fact).toEqual({ type: 'holder.acknowledged', holder: 'alice', by: 'sre' });
  });

  it('is not written to while a process drives it', async () => {
    const { inventory } = record();
    const lock = await takeLock({ file: join(folder, 'locks', `${inventory.cluster.uid}.lock`), owner: { operation: 'resume', run: 'r1' }, now: Date.now, timeoutMs: 0 });
    await expect(writeDown({ ...where(), holder: 'alice', by: 'sre' })).rejects.toMatchObject({ code: 'state-locked' });
    lock.release();
    expect(overviewOf(folder, 'r1').lines.map(({ fact }) => fact.type)).toEqual(['run.opened', 'run.submitted']);
  });

  it('that has ended waits for nobody', async () => {
    record({ type: 'run.ended', outcome: 'succeeded' });
    await expect(acknowledge({ ...asked(), holder: 'alice', by: 'sre' })).rejects.toMatchObject({
      code: 'decision-refused',
      message: expect.stringContaining('succeeded') as string,
    });
  });

  it('without an incoming CA has nothing to hand over, and nobody to acknowledge', async () => {
    record();
    await expect(handOff({ ...asked(), out: join(folder, 'out') })).rejects.toMatchObject({ code: 'decision-refused' });
    await expect(acknowledge({ ...asked(), holder: 'alice', by: 'sre' })).rejects.toMatchObject({ code: 'decision-refused' });
  });
});
