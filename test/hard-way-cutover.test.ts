import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readPlaybook } from '../src/domain/plan/playbook.js';
import { proveOrder } from '../src/domain/trust/order.js';
import { stepKinds } from '../src/steps/index.js';

const file = 'playbooks/hard-way-cutover.yaml';
const playbook = readPlaybook(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'), file, stepKinds);
const kindOf = (step: (typeof playbook.steps)[number]) => {
  const kind = stepKinds.get(step.kind)!;
  return { kind, params: kind.params.parse(step.params) as never };
};
const ordered = playbook.steps.map((step) => {
  const { kind, params } = kindOf(step);
  return { name: step.name, effects: kind.effects(params) };
});

it('how things stand at the end of the cutover is proved', () => {
  expect(proveOrder(ordered)).toEqual([]);
});

it.each(['put-in-place', 'etcd', 'apiservers', 'kubelets', 'start-controller-manager', 'narrow-extension-trust', 'objects', 'roll-workloads'])('without "%s" it is not', (name) => {
  expect(proveOrder(ordered.filter((step) => step.name !== name))).not.toEqual([]);
});

it('asks once, when all is staged and nothing is live', () => {
  expect(playbook.steps.flatMap(({ name, gate }) => (gate === undefined ? [] : [[name, gate.name]]))).toEqual([['at-the-barrier', 'cutover']]);
});

it('only what must take the API away does, on either way', () => {
  const away = playbook.steps.flatMap((step) => {
    const { kind, params } = kindOf(step);
    const ways = kind.takesApiAway?.(params) ?? [];
    return ways.length === 0 ? [] : [`${step.name}: ${ways.join(', ')}`];
  });
  expect(away).toEqual([
    'apiservers-back: back',
    'etcd-back: back',
    'stop-apiservers-back: back',
    'put-in-place: forward, back',
    'stop-apiservers: forward',
    'etcd: forward',
    'apiservers: forward',
  ]);
});

it('what is restarted on the way back stands before put-in-place, in the reverse order', () => {
  const names = (on: string): string[] =>
    playbook.steps.flatMap((step) => {
      const params = step.params as { component?: string; on?: string; leave?: string };
      return step.kind === 'restart-units' && (params.on ?? 'forward') === on ? [`${params.component ?? ''} ${params.leave ?? 'running'}`] : [];
    });
  expect(names('back').toReversed()).toEqual(names('forward'));
});
