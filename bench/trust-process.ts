/** Builds the graph of a synthetic cluster and proves the plan of its rotation, in a process of its own: the peak of a process can only grow. Argument: nodes. Prints JSON. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makePlan } from '../src/domain/plan/planner.js';
import { readPlaybook } from '../src/domain/plan/playbook.js';
import type { Plan } from '../src/domain/plan/plan.js';
import { proofOfPlan } from '../src/domain/plan/prove.js';
import { buildGraph } from '../src/domain/trust/build-graph.js';
import type { Inventory } from '../src/domain/cluster/inventory.js';
import { stepKinds } from '../src/steps/index.js';
import { median, processorTimeOf } from './rounds.js';
import { syntheticScan } from './synthetic-scan.js';

export interface TrustFigures {
  readonly steps: number;
  readonly edges: number;
  /** Edges that do not hold at the end: a wrong figure is worth nothing. */
  readonly failing: number;
  /** Processor time, ms. */
  readonly graphMs: number;
  readonly proofMs: number;
  readonly jsonMs: number;
  /** Peak of resident memory of this process, MB: with the scan read, and with the plan proved. */
  readonly scanMb: number;
  readonly provedMb: number;
}

const playbookFile = fileURLToPath(new URL('../playbooks/cluster-ca.yaml', import.meta.url));
const settings = {
  inventoryFile: 'inventory.yaml',
  kubeconfig: '',
  context: '',
  vault: { address: 'https://vault.example.org:8200', mount: 'pki' },
  recipients: [],
  identityFile: 'key.txt',
  stateDir: '',
};

/** The steps alone are wanted here; what planning costs has a measurement of its own. */
function stepsOn(inventory: Inventory): Plan['steps'] {
  const playbook = readPlaybook(readFileSync(playbookFile, 'utf8'), playbookFile, stepKinds);
  const made = makePlan({ playbook, inventory, kinds: stepKinds, settings, name: 'bench', now: Date.parse(inventory.takenAt), tool: 'rotate-ca bench' });
  if (Array.isArray(made)) throw new Error(`no plan: ${JSON.stringify(made).slice(0, 2_000)}`);
  return (made as Plan).steps;
}

function peakMb(): number {
  return process.resourceUsage().maxRSS / 1024;
}

/** As a plan file would be read: what making it has cost is not in the memory that is measured. */
const scan = JSON.stringify(await syntheticScan({ nodes: Number(process.argv[2]), podsPerNode: 20, secrets: 2_000 }));
const inventory = JSON.parse(scan) as Inventory;
const atMs = Date.parse(inventory.takenAt);
const scanMb = peakMb();
const steps = stepsOn(inventory);
const rounds = { graph: [] as number[], proof: [] as number[], json: [] as number[] };
let proved = proofOfPlan({ plan: { steps, inventory }, kinds: stepKinds, atMs });
const provedMb = peakMb();
for (let round = 0; round < 3; round++) {
  rounds.json.push(await processorTimeOf(() => JSON.parse(scan) as unknown));
  rounds.graph.push(await processorTimeOf(() => buildGraph(inventory)));
  rounds.proof.push(
    await processorTimeOf(() => {
      proved = proofOfPlan({ plan: { steps, inventory }, kinds: stepKinds, atMs });
    }),
  );
}
const verdicts = Object.values(proved.proof.verdicts);
const figures: TrustFigures = {
  steps: steps.length,
  edges: proved.graph.edges.length,
  failing: verdicts.filter((verdict) => verdict !== 'hold' && verdict !== 'unverified').length,
  graphMs: median(rounds.graph),
  proofMs: median(rounds.proof),
  jsonMs: median(rounds.json),
  scanMb,
  provedMb,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
