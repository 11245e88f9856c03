import { describe, expect, it } from 'vitest';
import { failuresOf } from '../../domain/errors.js';
import { faultKinds } from './fault-kinds.js';
import { checkPlanned, checkWish, type FaultWish, readWish } from './wish.js';

const known = { steps: ['check-nodes', 'kubelets-trust-both', 'issue-ca'], nodes: ['cp1', 'w1'] };

describe('what is wished for', () => {
  it.each<[string, FaultWish]>([
    ['all', {}],
    ['sample', { isSample: true }],
    ['disk-full', { fault: 'disk-full' }],
    ['disk-full@issue-ca', { fault: 'disk-full', step: 'issue-ca' }],
    ['disk-full@kubelets-trust-both/2:w1', { fault: 'disk-full', step: 'kubelets-trust-both/2', target: 'w1' }],
    ['vault-sealed@issue-ca:cluster', { fault: 'vault-sealed', step: 'issue-ca', target: 'cluster' }],
  ])('%s is read', (text, wish) => {
    expect(readWish(text)).toEqual(wish);
    checkWish(wish, known);
  });

  it.each([
    ['disk-ful', 'there is no fault "disk-ful"', 'Did you mean "disk-full"?'],
    ['', 'names no fault', 'Faults: all, sample, connection-refused'],
    ['disk-full@', 'names no step', 'leave the mark away'],
    ['disk-full@issue-ca:', 'names no target', 'leave the mark away'],
    ['disk-full@isue-ca', 'there is no step "isue-ca"', 'Did you mean "issue-ca"?'],
    ['disk-full@issue-ca:cp2', 'there is no target "cp2"', 'Targets: cp1, w1, cluster'],
    ['disk-full@issue-ca:cluster', '"disk-full" cannot strike at "cluster"', 'Targets: cp1, w1'],
    ['vault-sealed@issue-ca:w1', '"vault-sealed" cannot strike at "w1"', 'Targets: cluster'],
  ])('%j is refused as usage, with the nearest names', (text, summary, next) => {
    const found = refused(() => checkWish(readWish(text), known));
    expect(found?.code).toBe('usage');
    expect(found?.summary).toContain(summary);
    expect(found?.nextAction).toContain(next);
  });

  it('a step that the plan has dropped is refused, with those that it has', () => {
    const found = refused(() => checkPlanned({ fault: 'disk-full', step: 'restart-etcd' }, ['check-nodes', 'issue-ca']));
    expect(found).toMatchObject({ code: 'usage', summary: 'the step "restart-etcd" is not in the plan for this cluster', nextAction: 'Steps of the plan: check-nodes, issue-ca.' });
    checkPlanned({ fault: 'disk-full', step: 'issue-ca' }, ['check-nodes', 'issue-ca']);
  });
});

it('each fault has a name of its own and says in a line what it is', () => {
  expect(new Set(faultKinds.map(({ name }) => name)).size).toBe(faultKinds.length);
  for (const { name, what, untouched } of faultKinds) expect([name, what !== '', untouched !== '', what.includes('\n')]).toEqual([name, true, true, false]);
});

function refused(act: () => void) {
  try {
    act();
  } catch (error) {
    return failuresOf(error)?.[0];
  }
  return undefined;
}
