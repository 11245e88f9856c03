#!/usr/bin/env node
/** `npm start` on a bare clone: plans the cluster CA rotation on a recorded cluster, and says plainly that it is only that. */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Inventory } from '../domain/cluster/inventory.js';
import { exitCodes, failuresOf } from '../domain/errors.js';
import type { Settings } from '../domain/plan/plan.js';
import { planOnRecording } from '../app/make-plan.js';
import { planText } from './commands/plan-text.js';
import { openOutput } from './output.js';
import { playbookFile } from './playbook-file.js';

/** Of dist/cli or src/cli: the clone, wherever it was started from. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** None of this is contacted, opened or written. */
const settings: Settings = {
  inventoryFile: 'inventory.yaml',
  kubeconfig: '',
  context: '',
  vault: { address: 'https://vault.example.org:8200', mount: 'pki-k8s' },
  recipients: [],
  identityFile: 'key.txt',
  stateDir: '',
};

const before = [
  'This is a plan on a RECORDING of a real kubeadm cluster (fixtures/inventories/kubeadm-ha.json).',
  'No host, no API and no Vault is contacted, and the plan cannot be run: it shows what rotate-ca would do.',
  '',
].join('\n');

const after = [
  '',
  'That was all: nothing was contacted and nothing was changed.',
  '',
  'What next:',
  '  on a cluster of your own    node dist/cli/main.js plan --help      plans over SSH and the API; changes nothing either',
  '                              README.md, "On your own cluster", says what it needs',
  '  on a cluster that may break npm run lab -- up                      a real kubeadm cluster and Vault on this machine (root, Debian; lab/README.md)',
  '  read first                  docs/procedure.md                      each step: what, proof, how it is taken back',
  'An embedded cluster on loopback, on which this command will rotate for real, is not there yet.',
].join('\n');

function start(): number {
  const out = openOutput({ format: 'text', env: process.env, noColor: process.argv.includes('--no-color') });
  try {
    const inventory = JSON.parse(readFileSync(join(root, 'fixtures', 'inventories', 'kubeadm-ha.json'), 'utf8')) as Inventory;
    const now = Date.parse(inventory.takenAt);
    out.result(before);
    out.result(planText(planOnRecording(playbookFile('cluster-ca'), inventory, { settings, name: 'recording', now }), out));
    out.result(after);
    return exitCodes.ok;
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    out.failures(failures);
    return exitCodes.error;
  }
}

process.exitCode = start();
