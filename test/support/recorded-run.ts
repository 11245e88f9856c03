/** A run of the recorded cluster in a state folder, as far as a test wants it: for commands that only look. */

import { readFileSync } from 'node:fs';
import { planOnRecording } from '../../src/app/make-plan.js';
import { createRunFolder } from '../../src/app/run-folder.js';
import type { Inventory } from '../../src/domain/cluster/inventory.js';
import type { Plan } from '../../src/domain/plan/plan.js';
import type { Fact } from '../../src/domain/run/facts.js';
import { openJournal } from '../../src/adapters/disk/journal.js';

const root = new URL('../../', import.meta.url);

export function recordedPlan(stateDir: string, name = 'recorded'): Plan {
  const inventory = JSON.parse(readFileSync(new URL('fixtures/inventories/kubeadm-ha.json', root), 'utf8')) as Inventory;
  const settings = {
    inventoryFile: 'inventory.yaml',
    kubeconfig: '',
    context: '',
    vault: { address: 'https://vault.example.org:8200', mount: 'pki-k8s' },
    recipients: [],
    identityFile: 'key.txt',
    stateDir,
  };
  return planOnRecording(new URL('playbooks/cluster-ca.yaml', root).pathname, inventory, { settings, name, now: Date.parse(inventory.takenAt) });
}

/** One fact a second from midnight on. */
export function recordRun(stateDir: string, facts: readonly Fact[], name = 'recorded'): Plan {
  const plan = recordedPlan(stateDir, name);
  const folder = createRunFolder(stateDir, name, plan);
  let at = Date.parse('2026-11-23T00:00:00Z');
  const { journal } = openJournal({ file: `${folder.folder}/journal.jsonl`, now: () => (at += 1000) });
  journal.append({ type: 'run.opened', run: name, planDigest: plan.digest, tool: 'rotate-ca test', cluster: plan.inventory.cluster.uid });
  for (const fact of facts) journal.append(fact);
  journal.close();
  return plan;
}

/** Halted at the first step, because a clock is wrong. */
export const haltedFacts: readonly Fact[] = [
  { type: 'run.submitted', by: 'sre' },
  {
    type: 'step.failed',
    step: 'check-nodes',
    phase: 'preflight',
    direction: 'forward',
    failures: [
      {
        code: 'clock-skew',
        target: 'w1',
        summary: 'its clock is 90 s ahead of ours',
        cause: 'allowed are 60 s',
        nextAction: 'Set the clocks (chrony, systemd-timesyncd), then resume.',
        retryable: false,
      },
    ],
  },
];
