import { expect, it } from 'vitest';
import { fail, failuresOf } from '../domain/errors.js';
import type { Plan } from '../domain/plan/plan.js';
import type { Kube } from '../ports/kube.js';
import { refuseOtherCluster } from './same-cluster.js';

const plan = { inventory: { cluster: { uid: 'one', server: 'https://a:6443', version: 'v1.34.4' } } } as Pick<Plan, 'inventory'>;

function kubeThat(read: () => Promise<unknown>): Kube {
  return { server: 'https://b:6443', read } as unknown as Kube;
}

it.each([
  ['the planned cluster', () => Promise.resolve({ metadata: { name: 'kube-system', uid: 'one' } }), undefined],
  ['another cluster', () => Promise.resolve({ metadata: { name: 'kube-system', uid: 'two' } }), 'plan-other-cluster'],
  ['an API that is away', async () => fail('api-unreachable', { target: 'https://b:6443', summary: 'no answer', nextAction: 'Wait.' }), undefined],
])('%s', async (_what, read, code) => {
  const refused = await refuseOtherCluster(kubeThat(read), plan).then(
    () => undefined,
    (error: unknown) => failuresOf(error)?.[0]?.code,
  );
  expect(refused).toBe(code);
});
