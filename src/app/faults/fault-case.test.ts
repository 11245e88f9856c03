import { expect, it } from 'vitest';
import type { PlannedStep } from '../../domain/plan/plan.js';
import { type DrawFor, drawCase, isUntouched } from './fault-case.js';
import { faultKind, faultKinds } from './fault-kinds.js';
import type { Footprint } from './footprint.js';
import { signaturesOf } from './fact-signature.js';

const step: PlannedStep = { id: 'kubelets-trust-both/2', kind: 'renew-kubelets', title: '', params: {}, targets: ['w1'], deadlineMs: 1, ifItFails: '', rollback: '' };
const quiet: Footprint = { nodes: ['cp1', 'w1'], controlPlanes: ['cp1'], commands: {}, kubeletStarts: {}, vaultCalls: 0, writes: 0, changed: {} };
const loud: Footprint = {
  ...quiet,
  commands: { cp1: 2, w1: 5 },
  kubeletStarts: { w1: 1 },
  vaultCalls: 3,
  writes: 4,
  changed: { w1: [{ path: '/etc/kubernetes/kubelet.conf', before: '' }] },
};
const drawn = (fault: string, more: Partial<DrawFor> = {}) => drawCase({ kind: faultKind(fault), step, footprint: loud, seed: '7', speed: 20, ...more });

it.each([
  ['connection-refused', 'no command runs on a node in this step'],
  ['kubelet-does-not-return', 'no kubelet is started in this step'],
  ['vault-sealed', 'Vault is not asked in this step'],
  ['webhook-fails-closed', 'nobody writes ConfigMaps, Secrets, workloads or certificate requests in this step'],
  ['file-edited-by-another-hand', 'no file of a node is changed in this step'],
])('%s cannot reach a step that was not seen to do what it needs', (fault, reason) => {
  expect(drawn(fault, { footprint: quiet })).toEqual({ fault, step: step.id, reason });
  expect(isUntouched(drawn(fault))).toBe(false);
});

it.each(['api-500', 'node-powered-off', 'etcd-member-does-not-rejoin', 'clock-skew', 'engine-killed', 'engine-stopped'])('%s reaches every step', (fault) => {
  expect(isUntouched(drawn(fault, { footprint: quiet }))).toBe(false);
});

it('the same seed draws the same, another seed another', () => {
  const all = (seed: string): string => JSON.stringify(faultKinds.map(({ name }) => drawn(name, { seed })));
  expect(all('a')).toBe(all('a'));
  expect(all('a')).not.toBe(all('b'));
});

it('what is drawn lies where it can strike', () => {
  for (let seed = 0; seed < 60; seed += 1) {
    for (const kind of faultKinds) {
      const one = drawCase({ kind, step, footprint: loud, seed: String(seed), speed: 20 });
      if (isUntouched(one)) throw new Error(`${kind.name} is untouched`);
      expect(kind.places(loud)).toContain(one.place);
      expect(kind.moments).toContain(one.moment);
      if (one.passesAfterMs !== undefined) expect([kind.lasts, one.passesAfterMs >= 400, one.passesAfterMs <= 2250]).toEqual(['state', true, true]);
    }
  }
});

it('a target that was named is the place, or the step is untouched there', () => {
  expect(drawn('connection-refused', { target: 'cp1' })).toMatchObject({ place: 'cp1' });
  expect(drawn('kubelet-does-not-return', { target: 'cp1' })).toMatchObject({ reason: 'at cp1 no kubelet is started in this step' });
});

it('facts at which the engine is killed are those of the step', () => {
  expect(signaturesOf({ id: 'a', targets: ['x', 'y'] })).toEqual([
    ...['checkpointed', 'applying', 'applied', 'verified'].flatMap((mark) => [`a ${mark} on x`, `a ${mark} on y`]),
    'a preflight ended',
    'a checkpoint ended',
    'a apply ended',
  ]);
});
