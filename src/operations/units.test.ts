import { describe, expect, it } from 'vitest';
import type { ComponentRecord, NodeRecord } from '../domain/cluster/inventory.js';
import type { Process } from './processes.js';
import { hasUnit, whatIsAmiss } from './units.js';

const path = '/etc/kubernetes/pki/ca.pem';
const process = (more: Partial<Process> = {}): Process => ({
  pid: 7,
  startedAtMs: 2000,
  ageMs: 9000,
  args: [],
  mounted: new Map([[path, 'aa']]),
  kept: new Set(),
  changedAtMs: new Map([[path, 1000]]),
  onDisk: new Map([[path, 'aa']]),
  listening: new Set([6443]),
  ...more,
});

describe('whatIsAmiss', () => {
  const early = process({ startedAtMs: 1000 });
  const other = process({ mounted: new Map([[path, 'bb']]) });
  it.each<[string, readonly Process[], { inPod: boolean; port: number }, true | RegExp]>([
    ['nothing', [process()], { inPod: true, port: 6443 }, true],
    ['it is gone', [], { inPod: true, port: 6443 }, /not running/],
    ['one before has not ended', [process(), early], { inPod: true, port: 6443 }, /runs 2 times/],
    ['it is older than a file', [early], { inPod: true, port: 6443 }, /started before \/etc\/kubernetes\/pki\/ca.pem/],
    ['a pod sees another file', [other], { inPod: true, port: 6443 }, /sees another \/etc\/kubernetes\/pki\/ca.pem/],
    ['a unit has the files of the node', [other], { inPod: false, port: 6443 }, true],
    ['its port is closed', [process()], { inPod: true, port: 10257 }, /does not listen on 10257/],
    ['it has no port', [process()], { inPod: false, port: 0 }, true],
  ])('%s', (_, processes, options, answer) => {
    const found = whatIsAmiss('kube-apiserver', processes, options);
    if (answer === true) expect(found).toBe(true);
    else expect(found).toMatch(answer);
  });
});

describe('hasUnit', () => {
  const component = (more: Partial<ComponentRecord>): ComponentRecord => ({ name: 'kube-scheduler', version: '', flags: {}, ...more });
  const unit = { name: 'kube-scheduler.service', file: '', dropIns: [], environmentFiles: [], user: '', isStale: false };
  it.each<[string, Partial<ComponentRecord>, boolean, boolean]>([
    ['a unit', { unit }, true, true],
    ['a static pod', { pod: { manifest: '/m/scheduler.yaml' } }, true, true],
    ['a static pod named as that of kubeadm', { manifest: '/etc/kubernetes/manifests/kube-scheduler.yaml' }, true, true],
    ['a pod of the API', { pod: {} }, true, false],
    ['a process that somebody started', {}, false, false],
    ['a static pod of etcd', { name: 'etcd', manifest: '/etc/kubernetes/manifests/etcd.yaml' }, false, false],
  ])('%s', (_, more, restarted, stopped) => {
    const one = component(more);
    const node = { components: [one] } as unknown as NodeRecord;
    expect([hasUnit(node, one.name), hasUnit(node, one.name, 'stopped')]).toEqual([restarted, stopped]);
  });
});
