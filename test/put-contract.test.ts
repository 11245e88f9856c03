/** The contract of step kinds for what puts the operator's own files and values in place: no playbook of ours has them, so one is written here. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { rehearsalEnv, rehearsalSettings } from '../src/app/rehearse-settings.js';
import { type StagingCluster, startStaging } from '../src/staging/cluster.js';
import { specSomewhere } from '../src/staging/topology.js';
import { drawKillPoints } from './step-contract/draw-steps.js';
import { openWalk, type Walk } from './step-contract/walk.js';
import { createPaperWorld } from './support/paper-world.js';

const steps = {
  'files-and-restart': {
    kind: 'put-files',
    params: {
      files: [
        { path: '/etc/kubernetes/pki/partner.crt', from: 'partner.crt' },
        { path: '/etc/kubernetes/pki/partner.key', from: 'partner.key' },
        { path: '/etc/kubernetes/pki/partner-ca.crt', from: 'ca.crt', mode: '0600' },
      ],
      nodes: 'all',
      restart: ['kubelet'],
    },
  },
  'static-pod-starts-anew': {
    kind: 'put-files',
    params: { files: [{ path: '/etc/kubernetes/pki/partner-ca.crt', from: 'both.crt' }], nodes: 'control-planes', restart: ['kube-scheduler'] },
  },
  'values-of-objects': {
    kind: 'put-objects',
    params: { objects: [{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config', field: '/data/partner.crt', from: 'ca.crt' }] },
  },
};

let folder: string;
let staging: StagingCluster;
let walk: Walk;

describe('put-files and put-objects keep the contract, on staging', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rotate-ca-put-contract-'));
    const paper = await createPaperWorld();
    const leaf = await paper.leaf('incoming', { organizations: [], commonName: 'partner' });
    const { incoming, outgoing } = paper.cas;
    paper.close();
    const files = {
      'partner.crt': leaf.certificatePem,
      'partner.key': leaf.keyPem,
      'ca.crt': incoming.certificatePem,
      'both.crt': outgoing.certificatePem + incoming.certificatePem,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    const playbookFile = join(folder, 'playbook.yaml');
    const words = { timeout: '2m', ifItFails: 'Nothing that runs reads it.', rollback: 'It is put back.' };
    writeFileSync(
      playbookFile,
      stringify({
        apiVersion: 'rotate-ca/v1',
        kind: 'Playbook',
        name: 'put',
        description: 'Files and values of the operator.',
        steps: Object.entries(steps).map(([name, step]) => ({ name, title: name, ...words, ...step })),
      }),
    );
    const spec = await specSomewhere('small', { uid: randomUUID(), nowMs: Date.now() });
    staging = await startStaging({ spec, folder: join(folder, 'cluster'), speed: 50 });
    expect(staging.notReady).toEqual([]);
    walk = await openWalk({
      playbookFile,
      settings: await rehearsalSettings(staging.operator),
      env: rehearsalEnv(staging.operator, process.env),
      pace: 10,
      patienceMs: 60_000,
      killPoints: drawKillPoints,
      holdsEveryWave: true,
      chooseBatches: (all) => all,
    });
  });

  afterAll(async () => {
    await walk?.close();
    await staging?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(Object.keys(steps))('%s', async (step) => {
    expect(await walk.through(step, 'under the contract')).toEqual([]);
  });
});
