import { describe, expect, it } from 'vitest';
import { labPaths, openLab } from '../lab.js';
import { apiServerEnvironment, controllerManagerEnvironment, etcdEnvironment } from './component-files.js';
import { units, unitText } from './units.js';

const lab = openLab({ paths: labPaths('hard-way', '/nowhere'), shape: { controlPlanes: 3, workers: 2, encryptionAlgorithm: 'RSA-2048' } });
const [master] = lab.controlPlanes;
if (master === undefined) throw new Error('the lab has no master');

describe('units of the hard way', () => {
  it('write each flag on a line of its own, variables of the environment file among them', () => {
    const scheduler = units.find(({ name }) => name === 'kube-scheduler');
    expect(scheduler && unitText(scheduler)).toContain('EnvironmentFile=/etc/kubernetes/scheduler.env\nExecStart=/usr/local/bin/kube-scheduler \\\n  $KUBE_SCHEDULER_ARGS\n');
  });

  it('sign tokens with the key that the API servers serve with', () => {
    const key = '/etc/kubernetes/pki/apiserver-key.pem';
    expect(apiServerEnvironment(lab, master)).toContain(`--service-account-signing-key-file=${key}`);
    expect(controllerManagerEnvironment(lab)).toContain(`--service-account-private-key-file=${key}`);
    expect(units.find(({ name }) => name === 'kube-apiserver')?.flags).toContain(`--tls-private-key-file=${key}`);
  });

  it('have kube-controller-manager sign no certificate', () => {
    expect(controllerManagerEnvironment(lab)).not.toContain('--cluster-signing');
  });

  it('start etcd with all members', () => {
    expect(etcdEnvironment(lab, master)).toContain('ETCD_INITIAL_CLUSTER=master1=https://10.78.0.11:2380,master2=https://10.78.0.12:2380,master3=https://10.78.0.13:2380\n');
  });
});
