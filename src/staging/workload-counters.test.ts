import { expect, it } from 'vitest';
import type { StagingContext } from './component.js';
import type { Kubelet } from './kubelet/kubelet.js';
import type { WorkloadSpec } from './spec.js';
import { watchServing } from './workload-counters.js';

const workload = (kind: WorkloadSpec['kind'], name: string, replicas = 1): WorkloadSpec => ({ kind, namespace: 'shop', name, replicas, readsCa: 'once' });
const context = {
  spec: { workloads: [workload('Deployment', 'shop'), workload('Deployment', 'late'), workload('StatefulSet', 'lone'), workload('DaemonSet', 'agent')] },
} as unknown as StagingContext;

it('tells of applications of which no pod ran at some look, once they had one', async () => {
  let running = ['shop', 'agent', 'lone'];
  const kubelet = { runningPods: () => running.map((app) => ({ metadata: { namespace: 'shop', name: app, labels: { app } } })) } as unknown as Kubelet;
  const serving = watchServing(context, [kubelet], 1);
  const looks = async (): Promise<void> => {
    const { looks: before } = serving.read();
    while (serving.read().looks < before + 2) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await looks();
  expect(serving.read().without).toEqual([]);
  running = ['late'];
  await looks();
  serving.stop();
  expect(serving.read()).toMatchObject({ workloads: 2, without: ['shop/shop'] });
});
