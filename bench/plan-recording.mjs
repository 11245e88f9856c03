/** The plan on the recorded cluster, by the compiled program and nothing else: what its start costs is measured. */

import { readFileSync } from 'node:fs';
import { planOnRecording } from '../dist/app/make-plan.js';
import { planText } from '../dist/cli/commands/plan-text.js';
import { openOutput } from '../dist/cli/output.js';
import { playbookFile } from '../dist/cli/playbook-file.js';

const settings = {
  inventoryFile: 'inventory.yaml',
  kubeconfig: '',
  context: '',
  vault: { address: 'https://vault.example.org:8200', mount: 'pki-k8s' },
  recipients: [],
  identityFile: 'key.txt',
  stateDir: '',
};
const inventory = JSON.parse(readFileSync(new URL('../fixtures/inventories/kubeadm-ha.json', import.meta.url), 'utf8'));
const out = openOutput({ format: 'text', env: process.env, noColor: true });
out.result(planText(planOnRecording(playbookFile('cluster-ca'), inventory, { settings, name: 'recording', now: Date.parse(inventory.takenAt) }), out));
