/**
 * Every step of a cutover on a staging cluster, forward and back, each by a process that dies in the middle and one that goes on: what is
 * there afterwards is what a whole step leaves, and at the end of the way back all is as before.
 */

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rehearsalEnv, rehearsalSettings } from '../src/app/rehearse-settings.js';
import { createRunFolder, type RunFolder } from '../src/app/run-folder.js';
import { siteFactory } from '../src/app/site.js';
import { toolVersion } from '../src/app/version.js';
import { openWorld, type World } from '../src/app/world.js';
import { findSecretIn } from '../src/domain/redact.js';
import { readPlaybook } from '../src/domain/plan/playbook.js';
import { makePlan } from '../src/domain/plan/planner.js';
import type { Plan, PlannedStep } from '../src/domain/plan/plan.js';
import { systemClock } from '../src/engine/system-clock.js';
import type { Checkpoint, CheckpointRef } from '../src/ports/checkpoints.js';
import type { AnyStepKind, Site } from '../src/ports/step-kind.js';
import { scanCluster } from '../src/scan/scan-cluster.js';
import { type StagingCluster, startStaging } from '../src/staging/cluster.js';
import { specSomewhere } from '../src/staging/topology.js';
import { stepKinds } from '../src/steps/index.js';
import type { Places } from './step-contract/bench.js';
import { drawKillPoints, seed } from './step-contract/draw-steps.js';
import { Dead, type End, newLife, siteInLife } from './step-contract/life.js';
import { differences, placesOf } from './step-contract/places.js';
import { triedAsByTheEngine } from './step-contract/tried.js';

const file = fileURLToPath(new URL('../playbooks/hard-way-cutover.yaml', import.meta.url));
const steps = readPlaybook(readFileSync(file, 'utf8'), file, stepKinds).steps.map(({ name }) => name);
const pace = 10;
const patienceMs = 60_000;
/** A rollout of the way forward is not taken back in its specification: pods are rolled once more instead. What kubelets say of pods is not compared. */
const stays = /^(Deployment|DaemonSet|StatefulSet) /;
const mostMs = 300_000;

let folder: string;
let staging: StagingCluster;
let world: World;
let runFolder: RunFolder;
let plan: Plan;
let siteOf: ReturnType<typeof siteFactory>;
let before: Places;
const kept = new Map<string, CheckpointRef>();
const told: string[] = [];
const tried = triedAsByTheEngine(systemClock, pace);

async function scan(): Promise<Plan['inventory']> {
  return scanCluster({ hosts: world.hosts, shells: world.shells, kube: world.access.kube(), now: Date.now });
}

/** Many things listen to the signal of a step at once. */
function unheard(): AbortSignal {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return signal;
}

function siteAt(step: PlannedStep, target: string, end: End = {}): { site: Site; life: ReturnType<typeof newLife> } {
  const life = newLife(end);
  const site = siteOf(plan, step, target, {
    phase: 'apply',
    direction: 'forward',
    attempt: 1,
    signal: unheard(),
    deadlineAtMs: Date.now() + step.deadlineMs,
    now: systemClock.now,
    wait: (ms) => systemClock.wait(ms),
    tell: (message) => void told.push(message),
  });
  return { site: siteInLife(site, life), life };
}

/** How many changes a whole one makes is not known before: it dies after the first, the second, or the third. */
async function half(act: (site: Site) => Promise<unknown>, step: PlannedStep, target: string, purpose: string): Promise<void> {
  const [diesAfter = 1] = drawKillPoints(3, `${step.id} ${target} ${purpose}`);
  try {
    await act(siteAt(step, target, { diesAfter }).site);
  } catch (error) {
    // What fails because the API is away fails for a whole one too, which is tried again.
    if (!(error instanceof Dead)) await systemClock.wait(50);
  }
}

const kindOf = (step: PlannedStep): { kind: AnyStepKind; params: unknown } => {
  const kind = stepKinds.get(step.kind) as AnyStepKind;
  return { kind, params: kind.params.parse(step.params) };
};
const keyOf = (step: PlannedStep, target: string): string => `${step.id} ${target}`;

async function forward(step: PlannedStep): Promise<void> {
  const { kind, params } = kindOf(step);
  for (const target of step.targets) expect(await tried(() => kind.preflight(siteAt(step, target).site, params)), `preflight of ${step.id} on ${target}`).toEqual([]);
  for (const target of step.targets) {
    const checkpoint = await tried(() => kind.checkpoint(siteAt(step, target).site, params));
    kept.set(keyOf(step, target), await runFolder.checkpoints(plan.settings).save({ step: step.id, target, attempt: 1 }, checkpoint));
  }
  for (const target of step.targets) await half((site) => kind.apply(site, params), step, target, 'apply');
  // All together, as the engine does it: members of etcd do not come up one by one.
  await Promise.all(
    step.targets.map(async (target) => {
      const found = await tried(() => kind.inspect(siteAt(step, target).site, params));
      expect(['absent', 'partial', 'present'], `inspect of ${step.id} on ${target}`).toContain(found);
      if (found !== 'present') await tried(() => kind.apply(siteAt(step, target).site, params));
      expect(await tried(() => kind.verify(siteAt(step, target).site, params)), `verify of ${step.id} on ${target}`).toEqual([]);
      await tried(() => kind.apply(siteAt(step, target).site, params));
      expect(await tried(() => kind.verify(siteAt(step, target).site, params)), `verify of ${step.id} on ${target}, applied twice`).toEqual([]);
    }),
  );
}

async function back(step: PlannedStep): Promise<void> {
  const { kind, params } = kindOf(step);
  const checkpoints = runFolder.checkpoints(plan.settings);
  const saved = new Map<string, Checkpoint>();
  for (const target of step.targets) saved.set(target, await checkpoints.load(kept.get(keyOf(step, target)) as CheckpointRef));
  const undo = (target: string) => (site: Site) => kind.undo(site, params, saved.get(target) as Checkpoint);
  for (const target of step.targets) await half(undo(target), step, target, 'undo');
  for (const _ of ['once', 'twice']) await Promise.all(step.targets.map((target) => tried(() => undo(target)(siteAt(step, target).site))));
}

/** Alike soon: kube-controller-manager writes bundles anew at its own rate. */
async function sameAsBefore(): Promise<string[]> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const found = differences(before, await tried(places)).filter((place) => !stays.test(place));
    if (found.length === 0 || performance.now() >= until) return found;
    await systemClock.wait(200);
  }
}

const places = (): Promise<Places> =>
  placesOf({
    nodes: plan.inventory.nodes.map(({ name }) => name),
    shells: world.shells,
    kube: world.access.kube(),
    also: ['/etc/etcd', '/var/lib/kube-proxy', '/etc/systemd/system'],
  });

describe(`a cutover in halves (drawn by ${seed})`, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rotate-ca-halves-'));
    const spec = await specSomewhere('hard-way:1+1', { uid: randomUUID(), nowMs: Date.now() });
    staging = await startStaging({ spec, folder: join(folder, 'cluster'), speed: 30 });
    expect(staging.notReady).toEqual([]);
    const settings = await rehearsalSettings(staging.operator);
    world = await openWorld({ settings, env: rehearsalEnv(staging.operator, process.env) });
    const playbook = readPlaybook(readFileSync(file, 'utf8'), file, stepKinds);
    const made = makePlan({ playbook, inventory: await scan(), kinds: stepKinds, settings, name: 'halves', now: Date.now(), tool: toolVersion });
    if (!('steps' in made)) throw new Error(made.map(({ summary }) => summary).join('\n'));
    plan = made;
    runFolder = createRunFolder(settings.stateDir, plan.name, plan);
    const checkpoints = runFolder.checkpoints(settings);
    siteOf = siteFactory({ run: plan.name, world, issuer: await world.issuer(), checkpoints, artefacts: (n) => runFolder.artefacts(n), observe: scan, pace });
    before = await places();
  }, mostMs);

  afterAll(async () => {
    await world?.close();
    await staging?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(steps)(
    'forward: %s',
    async (name) => {
      const planned = plan.steps.filter(({ id }) => id === name);
      // No node runs the agent of the network as a unit.
      if (planned.length === 0) expect(plan.dropped.map((step) => step.name)).toContain(name);
      for (const step of planned) await forward(step);
    },
    mostMs,
  );

  it.each(steps.toReversed().filter((name) => !name.startsWith('cni')))(
    'back: %s',
    async (name) => {
      for (const step of plan.steps.filter(({ id }) => id === name)) await back(step);
    },
    mostMs,
  );

  it('leaves everything as before', async () => {
    expect(await sameAsBefore()).toEqual([]);
  }, 120_000);

  it('has told no secret', () => {
    expect(findSecretIn(told)).toBeUndefined();
  });
});
