/** Plans once for the memory and some times more for the time, in a process of its own: the peak of a process can only grow. Argument: nodes. Prints JSON. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Inventory } from '../src/domain/cluster/inventory.js';
import { digestOf } from '../src/domain/plan/digest.js';
import type { Plan } from '../src/domain/plan/plan.js';
import { makePlan } from '../src/domain/plan/planner.js';
import { readPlaybook } from '../src/domain/plan/playbook.js';
import { stepKinds } from '../src/steps/index.js';
import { inTurns, processorTimeOf } from './rounds.js';
import { syntheticInventory } from './synthetic-inventory.js';

export interface PlanningFigures {
  readonly steps: number;
  readonly planMs: number;
  readonly jsonMs: number;
  readonly digestMs: number;
  readonly plainDigestMs: number;
  /** Peak of resident memory of this process, MB: with the inventory read, and with the plan made. */
  readonly inventoryMb: number;
  readonly plannedMb: number;
}

const settings = {
  inventoryFile: 'inventory.yaml',
  kubeconfig: '',
  context: '',
  vault: { address: 'https://vault.example.org:8200', mount: 'pki' },
  recipients: [],
  identityFile: 'key.txt',
  stateDir: '',
};

const playbookFile = fileURLToPath(new URL('../playbooks/cluster-ca.yaml', import.meta.url));
const playbook = readPlaybook(readFileSync(playbookFile, 'utf8'), playbookFile, stepKinds);

function planOn(inventory: Inventory): Plan {
  const made = makePlan({ playbook, inventory, kinds: stepKinds, settings, name: 'bench', now: Date.parse(inventory.takenAt), tool: 'rotate-ca bench' });
  if (Array.isArray(made)) throw new Error(`no plan: ${JSON.stringify(made)}`);
  return made as Plan;
}

function peakMb(): number {
  return process.resourceUsage().maxRSS / 1024;
}

const nodes = Number(process.argv[2]);
const inventory = syntheticInventory(nodes);
const inventoryMb = peakMb();
const plan = planOn(inventory);
const plannedMb = peakMb();

const planning = await inTurns(
  () => planOn(inventory),
  () => JSON.parse(JSON.stringify(inventory)) as unknown,
  { rounds: 5, by: processorTimeOf },
);
const digest = await inTurns(
  () => digestOf(plan),
  () => createHash('sha256').update(JSON.stringify(plan)).digest('hex'),
  { rounds: 5, by: processorTimeOf },
);
const figures: PlanningFigures = {
  steps: plan.steps.length,
  planMs: planning.ours,
  jsonMs: planning.baseline,
  digestMs: digest.ours,
  plainDigestMs: digest.baseline,
  inventoryMb,
  plannedMb,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
