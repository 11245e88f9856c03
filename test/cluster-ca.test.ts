import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { stepKinds } from '../src/steps/index.js';
import { proveOrder } from '../src/domain/trust/order.js';
import { readPlaybook } from '../src/domain/plan/playbook.js';

const file = 'playbooks/cluster-ca.yaml';
const playbook = readPlaybook(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'), file, stepKinds);

const ordered = playbook.steps.map((step) => {
  const kind = stepKinds.get(step.kind)!;
  return { name: step.name, effects: kind.effects(kind.params.parse(step.params)) };
});

it('cluster-ca.yaml is in a proved order', () => {
  expect(proveOrder(ordered)).toEqual([]);
});

it('cluster-ca.yaml asks before the signer switch and before distrust', () => {
  expect(playbook.steps.flatMap(({ name, gate }) => (gate === undefined ? [] : [[name, gate.name]]))).toEqual([
    ['switch-signer', 'signer-switch'],
    ['servers-drop-outgoing', 'distrust'],
  ]);
});

it.each([
  ['servers trust both', 'servers-trust-both', 'api servers, to kubelets,'],
  ['workloads are rolled', 'roll-workloads', 'pods that loaded ca.crt once'],
  ['kubelets are reissued', 'reissue-kubelets', 'kubelets'],
  ['the signer is switched', 'switch-signer', 'CertificateSigningRequest'],
  ['the engine holds its own credential', 'hold-credential', 'rotate-ca itself'],
])('without the step in which %s the order is refused', (_what, missing, words) => {
  const failures = proveOrder(ordered.filter(({ name }) => name !== missing));
  expect(failures.map(({ summary }) => summary.toLowerCase()).join('\n')).toContain(words.toLowerCase());
});
