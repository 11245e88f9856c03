import { expect, it } from 'vitest';
import { kubeOf } from '../folder-cluster.test-support.js';
import { readWorkloads } from './read-workloads.js';

it('reads kinds, replicas and priorities, in a fixed order', async () => {
  const object = (name: string, spec?: object) => ({ apiVersion: '', kind: '', metadata: { name, namespace: 'app' }, ...(spec === undefined ? {} : { spec }) });
  const of = (priorityClassName: string) => ({ template: { spec: { priorityClassName } } });
  const kube = kubeOf({
    PriorityClass: [{ apiVersion: '', kind: '', metadata: { name: 'high' }, value: 1000 }],
    Deployment: [object('web', { replicas: 3, ...of('high') }), object('idle', { replicas: 0, ...of('gone') })],
    StatefulSet: [object('db', { replicas: 2 })],
    DaemonSet: [object('agent', of('high'))],
  });
  const high = { priorityClass: { name: 'high', value: 1000 } };
  expect(await readWorkloads(kube, { deadlineMs: 1000 })).toEqual([
    { kind: 'DaemonSet', namespace: 'app', name: 'agent', replicas: 1, ...high },
    { kind: 'Deployment', namespace: 'app', name: 'idle', replicas: 0 },
    { kind: 'Deployment', namespace: 'app', name: 'web', replicas: 3, ...high },
    { kind: 'StatefulSet', namespace: 'app', name: 'db', replicas: 2 },
  ]);
});
