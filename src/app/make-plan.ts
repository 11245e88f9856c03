/** Scans the cluster and makes a plan of a playbook for it. Nothing is changed. */

import { readFileSync } from 'node:fs';
import type { Inventory } from '../domain/cluster/inventory.js';
import { RotationError } from '../domain/errors.js';
import { readPlaybook } from '../domain/plan/playbook.js';
import { makePlan } from '../domain/plan/planner.js';
import type { Plan, Settings } from '../domain/plan/plan.js';
import { readWorkloads } from '../scan/objects/read-workloads.js';
import { fullScan } from '../scan/full-scan.js';
import { stepKinds } from '../steps/index.js';
import { pinFiles } from './pin-files.js';
import { toolVersion } from './version.js';
import { openWorld } from './world.js';

export interface PlanOptions {
  readonly playbookFile: string;
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly name: string;
  readonly now: number;
  /** Edges that may break, by id. */
  readonly accepted?: readonly string[];
  readonly signal: AbortSignal;
}

/** Throws playbook-invalid, inventory-invalid, kubeconfig-invalid, ssh-*, node-unknown, and whatever else forbids a plan; all problems at once. */
export async function planFor(options: PlanOptions): Promise<Plan> {
  // The playbook first: it needs no cluster to be wrong.
  const playbook = pinFiles(readPlaybook(readFileSync(options.playbookFile, 'utf8'), options.playbookFile, stepKinds), stepKinds);
  const world = await openWorld({ settings: options.settings, env: options.env });
  try {
    const kube = world.access.kube();
    const inventory = await fullScan({ hosts: world.hosts, shells: world.shells, kube, tls: world.tls, signal: options.signal, now: Date.now, strict: true });
    const workloads = await readWorkloads(kube, { deadlineMs: 60_000, signal: options.signal });
    return planOf(playbook, { ...inventory, workloads }, options);
  } finally {
    await world.close();
  }
}

/** Throws playbook-invalid, before anything is made for it. */
export function checkPlaybook(playbookFile: string): void {
  readPlaybook(readFileSync(playbookFile, 'utf8'), playbookFile, stepKinds);
}

/** A plan on a recorded inventory: for reading, not for running. */
export function planOnRecording(playbookFile: string, inventory: Inventory, options: Pick<PlanOptions, 'settings' | 'name' | 'now'>): Plan {
  return planOf(pinFiles(readPlaybook(readFileSync(playbookFile, 'utf8'), playbookFile, stepKinds), stepKinds), inventory, options);
}

function planOf(playbook: ReturnType<typeof readPlaybook>, inventory: Inventory, options: Pick<PlanOptions, 'settings' | 'name' | 'now' | 'accepted'>): Plan {
  const made = makePlan({
    playbook,
    inventory,
    kinds: stepKinds,
    settings: options.settings,
    name: options.name,
    now: options.now,
    tool: toolVersion,
    accepted: options.accepted ?? [],
  });
  if (Array.isArray(made)) throw new RotationError(made);
  return made as Plan;
}
