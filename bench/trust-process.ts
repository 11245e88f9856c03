/**
 * `make FILE NODES`: writes a synthetic cluster and the steps of its rotation. `prove FILE`: builds the graph and proves the plan, in a
 * process of its own, for the peak of a process can only grow; prints JSON.
 */

import { readFileSync, writeFileSync } from 'node:fs';
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
  /** Graph and proof. */
  readonly bothMs: number;
  /** The plan with its inventory from JSON. */
  readonly jsonMs: number;
  /** Peak of resident memory of this process, MB: with the plan read, and with it proved. */
  readonly planMb: number;
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

const [, , order = '', file = '', nodes = ''] = process.argv;
if (order === 'make') {
  const inventory = await syntheticScan({ nodes: Number(nodes), podsPerNode: 20, secrets: 2_000 });
  writeFileSync(file, JSON.stringify({ inventory, steps: stepsOn(inventory) }));
} else process.stdout.write(`${JSON.stringify(await measure(readFileSync(file, 'utf8')))}\n`);

async function measure(json: string): Promise<TrustFigures> {
  const plan = JSON.parse(json) as Pick<Plan, 'inventory' | 'steps'>;
  const parts = { plan, kinds: stepKinds, atMs: Date.parse(plan.inventory.takenAt) };
  const planMb = peakMb();
  let { graph, proof } = proofOfPlan(parts);
  const provedMb = peakMb();
  const times = { json: [] as number[], graph: [] as number[], both: [] as number[] };
  for (let round = 0; round < 3; round++) {
    times.json.push(await processorTimeOf(() => JSON.parse(json) as unknown));
    times.graph.push(await processorTimeOf(() => buildGraph(plan.inventory)));
    times.both.push(
      await processorTimeOf(() => {
        ({ graph, proof } = proofOfPlan(parts));
      }),
    );
  }
  const failing = Object.values(proof.verdicts).filter((verdict) => verdict !== 'hold' && verdict !== 'unverified').length;
  return { steps: plan.steps.length, edges: graph.edges.length, failing, graphMs: median(times.graph), bothMs: median(times.both), jsonMs: median(times.json), planMb, provedMb };
}
