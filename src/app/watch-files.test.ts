import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPaperNode, type PaperNode } from '../../test/support/paper-node.js';
import { planOf, stepWith } from '../../test/support/plans.js';
import type { Fact, Mark } from '../domain/run/facts.js';
import type { Run } from '../engine/open-run.js';
import type { AnyStepKind } from '../ports/step-kind.js';
import { renewAdmins } from '../steps/renew-admins/kind.js';
import { type FileWatch, watchFiles } from './watch-files.js';

const file = '/etc/kubernetes/admin.conf';
let node: PaperNode;
let watch: FileWatch;
let decided: Fact[];
let marks: Record<string, Record<string, { mark: Mark }>>;
let mayDecide = true;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  node = createPaperNode('cp1');
  node.put(file, 'written by us');
  [decided, marks, mayDecide] = [[], {}, true];
  const plan = planOf([stepWith({ id: 'renew', kind: 'renew-admins', targets: ['cp1'], params: { trusts: ['incoming'] } })]);
  const run = { state: () => ({ plan, progress: { run: 'r1', marks }, can: () => mayDecide }), decide: (fact: Fact) => void decided.push(fact) } as unknown as Run;
  const shells = { to: () => node.shell, close: () => Promise.resolve() };
  watch = watchFiles({ run, kinds: new Map([['renew-admins', renewAdmins as AnyStepKind]]), shells, everyMs: 1000 });
});
afterEach(async () => {
  await watch.stop();
  vi.useRealTimers();
  node.close();
});

async function mark(to: Mark): Promise<void> {
  marks = { renew: { cp1: { mark: to } } };
  watch.tell({ type: 'step.marked', step: 'renew', target: 'cp1', mark: to, attempt: 1 });
  await settle();
}
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}
async function later(): Promise<void> {
  vi.advanceTimersByTime(1000);
  await settle();
}

describe('files that a run has written', () => {
  it('are left as they are: nothing happens', async () => {
    await mark('verified');
    await later();
    expect(decided).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['changed', () => node.put(file, 'by puppet')],
    ['removed', () => void node.shell.removeFile(file, { deadlineMs: 20_000 })],
  ])('and were %s by something else hold the run, once', async (_, meddle) => {
    await mark('verified');
    meddle();
    await later();
    await later();
    expect(decided).toMatchObject([{ type: 'guard.tripped', failure: { code: 'reverting-agent', target: 'cp1', summary: expect.stringContaining(file) } }]);
  });

  it.each<[string, Mark]>([
    ['are written', 'applying'],
    ['are put back', 'undoing'],
  ])('are not looked at while they %s by us', async (_, at) => {
    await mark('verified');
    await mark(at);
    node.put(file, 'by us, again');
    await later();
    expect(decided).toEqual([]);
  });

  it('are expected as they are after the next proof', async () => {
    await mark('verified');
    await mark('applying');
    node.put(file, 'by us, again');
    await mark('verified');
    await later();
    expect(decided).toEqual([]);
    node.put(file, 'by puppet');
    await later();
    expect(decided).toHaveLength(1);
  });

  it('are nobody to watch after they were put back', async () => {
    await mark('verified');
    await mark('undone');
    node.put(file, 'by puppet');
    await later();
    expect(decided).toEqual([]);
  });

  it('of a node that does not answer say nothing', async () => {
    await mark('verified');
    node.put(file, 'by puppet');
    node.shell.must = () => Promise.reject(new Error('the line is down'));
    await later();
    expect(decided).toEqual([]);
  });

  it('ask nothing of a run that cannot be held', async () => {
    await mark('verified');
    mayDecide = false;
    node.put(file, 'by puppet');
    await later();
    expect(decided).toEqual([]);
  });
});
