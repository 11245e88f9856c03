/** One staging cluster with one run on it: an undisturbed run first, which leaves a snapshot before each step, then cases that start there. */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan, Settings } from '../../domain/plan/plan.js';
import { writeDuration } from '../../domain/plan/duration.js';
import { readPlaybook } from '../../domain/plan/playbook.js';
import { nodesWith } from '../../domain/cluster/inventory.js';
import type { Fact } from '../../domain/run/facts.js';
import type { Activity } from '../../staging/activity.js';
import { stepKinds } from '../../steps/index.js';
import { planFor } from '../make-plan.js';
import { paceOf } from '../pace.js';
import { type Availability, placesOf, watchAvailability } from '../rehearse-availability.js';
import type { StagingProcess } from '../rehearse-process.js';
import { rehearsalEnv, rehearsalSettings } from '../rehearse-settings.js';
import { createRunFolder, openRunFolder, type RunFolder } from '../run-folder.js';
import { activityBetween, changedFiles, type Footprint } from './footprint.js';
import { describeEnd } from './judge.js';
import { type MachineStalls, watchStalls } from './machine-stalls.js';
import { driveStep, isDone, progressOf, type StepEnd } from './step-drive.js';

export interface Lane {
  readonly staging: StagingProcess;
  readonly plan: Plan;
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly pace: number;
  readonly speed: number;
  readonly availability: Availability;
  readonly stalls: MachineStalls;
  /** Of the operator, from before the run. */
  readonly kubeconfigBefore: string;
  folder(): RunFolder;
  /** Index of the step before which cluster and run stand; undefined: nobody knows. */
  position: number | undefined;
  /** By index of the step. */
  readonly footprints: Footprint[];
  /** Cluster and run into the snapshot before a step. */
  save(index: number): Promise<void>;
  /** Cluster and run as they were before a step. */
  restore(index: number): Promise<void>;
  /** Folder of a node in the snapshot before a step. */
  nodeFolder(index: number, node: string): string;
  close(): Promise<void>;
}

export interface OpenLane {
  readonly staging: StagingProcess;
  readonly playbookFile: string;
  readonly speed: number;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

const probeEveryMs = 200;
const triesAtMost = 3;
/** Deadlines of a playbook are those of a real cluster. Not as much shorter as time is faster: a busy machine must not be taken for a fault. */
const deadlineShare = 12;
const shortestDeadlineMs = 20_000;
const longestDeadlineMs = 60_000;

/** Makes the plan; nothing is run yet. Throws what planning throws. */
export async function openLane({ staging, playbookFile, speed, env: outer, signal }: OpenLane): Promise<Lane> {
  const { operator } = staging.started;
  const settings = await rehearsalSettings(operator);
  quickSsh(operator.sshConfig);
  const env = rehearsalEnv(operator, outer);
  const file = shortPlaybook(playbookFile, operator.folder);
  const plan = await planFor({ playbookFile: file, settings, env, name: 'rehearsal', now: Date.now(), signal });
  createRunFolder(settings.stateDir, plan.name, plan);
  const availability = watchAvailability({ places: placesOf(plan), ...operator.tokenClient, everyMs: probeEveryMs });
  const snapshots = join(staging.folder, 'snapshots');
  const at = (index: number): string => join(snapshots, String(index).padStart(3, '0'));
  mkdirSync(snapshots, { recursive: true, mode: 0o700 });

  const lane: Lane = {
    staging,
    plan,
    settings,
    env,
    pace: paceOf({ speed, nodes: plan.inventory.nodes.length }),
    speed,
    availability,
    stalls: watchStalls(operator),
    kubeconfigBefore: readFileSync(operator.kubeconfig, 'utf8'),
    folder: () => openRunFolder(settings.stateDir, plan.name),
    position: 0,
    footprints: [],
    async save(index) {
      await staging.ask('save', { folder: at(index) });
      copyState(settings.stateDir, join(at(index), 'state'));
    },
    async restore(index) {
      lane.position = undefined;
      const missing = await staging.ask('load', { folder: at(index) });
      copyState(join(at(index), 'state'), settings.stateDir);
      if (missing.length > 0) throw new Error(`the staging cluster did not come back from its snapshot: ${missing.join('; ')}`);
      lane.position = index;
    },
    nodeFolder: (index, node) => join(at(index), 'nodes', node),
    async close() {
      lane.stalls.stop();
      await availability.stop();
      await staging.stop();
    },
  };
  return lane;
}

/** The undisturbed run up to and with the step `last`, with a snapshot before each step. Throws if it does not get there: then nothing can be said about faults. */
export async function runUndisturbed(lane: Lane, last: number, onStep: (step: string, index: number) => void): Promise<void> {
  const { plan, staging } = lane;
  const nodes = plan.inventory.nodes.map(({ name }) => name);
  const controlPlanes = nodesWith(plan.inventory, 'control-plane').map(({ name }) => name);
  await lane.save(0);
  for (const [index, step] of plan.steps.slice(0, last + 1).entries()) {
    const seen: Promise<Activity>[] = [];
    let end: StepEnd | undefined;
    // A machine that stands still for seconds holds the run as an API that is away would: an operator resumes it.
    for (let tries = 0; tries < triesAtMost && !isDone(progressOf(lane.folder()), step.id, step.targets); tries += 1) {
      end = await driveStep({
        folder: lane.folder(),
        plan,
        env: lane.env,
        pace: lane.pace,
        step: step.id,
        ask: progressOf(lane.folder()).submitted ? 'resume' : 'submit',
        onFact(fact) {
          if (beginsStep(fact)) seen[0] ??= staging.ask('activity', {});
          if (fact.type === 'phase.ended' && fact.phase === 'verify' && fact.step === step.id) seen[1] = staging.ask('activity', {});
        },
      });
    }
    if (!isDone(progressOf(lane.folder()), step.id, step.targets))
      throw new Error(`the undisturbed run did not get through "${step.id}": ${end === undefined ? '' : describeEnd(end)}`);
    const [before, after] = [await seen[0], await seen[1]];
    if (before === undefined || after === undefined) throw new Error(`the undisturbed run told nothing of "${step.id}"`);
    await lane.save(index + 1);
    const changed = Object.fromEntries(nodes.map((node) => [node, changedFiles(lane.nodeFolder(index, node), lane.nodeFolder(index + 1, node))]));
    lane.footprints[index] = { nodes, controlPlanes, ...activityBetween(before, after), changed };
    lane.position = index + 1;
    onStep(step.id, index);
  }
}

/** The decision behind which the next phase is that of the step. */
export function beginsStep(fact: Fact): boolean {
  return fact.type === 'run.submitted' || fact.type === 'run.resumed' || fact.type === 'run.approved';
}

/** As the operator of a fast network would set it: a host that does not answer is given up sooner. */
function quickSsh(file: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/ConnectTimeout \d+/, 'ConnectTimeout 3'));
}

/** The same playbook with shorter deadlines. */
function shortPlaybook(file: string, folder: string): string {
  const text = readFileSync(file, 'utf8');
  const { steps } = readPlaybook(text, file, stepKinds);
  let next = 0;
  const short = text.replaceAll(/^(\s+timeout:) .*$/gm, (_, key: string) => {
    const deadlineMs = steps[next++]?.deadlineMs ?? 0;
    return `${key} ${writeDuration(Math.min(longestDeadlineMs, Math.max(shortestDeadlineMs, deadlineMs / deadlineShare)))}`;
  });
  const made = join(folder, 'playbook.yaml');
  writeFileSync(made, short, { mode: 0o600 });
  return made;
}

function copyState(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
}
