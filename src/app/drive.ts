/** Drives a run until a human must decide or it has ended: opens the world, takes the lock, looks again at gates, tells what happens. */

import { join } from 'node:path';
import { takeLock } from '../adapters/disk/lock.js';
import { openApiProber } from '../adapters/tls/api-prober.js';
import { nodesWith } from '../domain/cluster/inventory.js';
import { type Failure, failure, failuresOf, RotationError } from '../domain/errors.js';
import type { Plan } from '../domain/plan/plan.js';
import type { Fact, Mark } from '../domain/run/facts.js';
import { advance, isWithoutApi, type Progress, untouched } from '../domain/run/progress.js';
import { watchApi } from '../engine/guard.js';
import { courseFor, openRun, type Run, type RunView } from '../engine/open-run.js';
import { defaultLimits, type Limits } from '../engine/perform.js';
import { systemClock } from '../engine/system-clock.js';
import { adoptIncomingCredential } from '../operations/engine-credential.js';
import { outgoingWitness } from '../operations/outgoing-witness.js';
import { artefactNames } from '../operations/run-files.js';
import { apiServerOf } from '../operations/identity-probe.js';
import type { Issuer } from '../ports/issuer.js';
import type { JournalLine } from '../ports/journal.js';
import { scanCluster } from '../scan/scan-cluster.js';
import { stepKinds } from '../steps/index.js';
import { takeClusterLease } from './cluster-lease.js';
import { checkPlan } from './check-plan.js';
import { lookAgain } from './gate.js';
import type { RunFolder } from './run-folder.js';
import { type Pace, pauseAt } from './pace.js';
import { predictedKinds } from './predicted-kinds.js';
import { refuseOtherCluster } from './same-cluster.js';
import { watchFiles } from './watch-files.js';
import { siteFactory } from './site.js';
import { openWorld, type World } from './world.js';
import { toolVersion } from './version.js';

export interface DriveOptions {
  readonly folder: RunFolder;
  readonly env: NodeJS.ProcessEnv;
  readonly by: string;
  /** What the operator asks for as the run is opened. */
  readonly ask: 'submit' | 'resume' | 'rollback' | 'forward' | 'nothing';
  /** Approve gates by themselves as they come; never the destruction of a key. */
  readonly autoApprove: boolean;
  /** Asked at each gate where somebody can answer; undefined: the run stops there. */
  readonly askGate?: (view: RunView, differences: readonly string[]) => Promise<boolean>;
  readonly onLine: (line: JournalLine) => void;
  /** What does not stop the run, but the operator must know. */
  readonly onWarning?: (warning: Failure) => void;
  readonly lockTimeoutMs: number;
  /** Default 1. Of a rehearsal, whose cluster is faster than a real one: steps look sooner (see SiteParts), and what may be tried again is tried sooner. */
  readonly pace?: Pace;
  /** Raised by the operator: `pause` at the next safe point, `leave` at once. */
  readonly interrupts: { onPause(listener: () => void): void; onLeave(listener: () => void): void };
}

export interface Driven {
  readonly view: RunView;
  readonly differences: readonly string[];
}

/** Returns when a human must decide, or at the end. Throws state-locked, journal-broken, kubeconfig-invalid, recipients-unusable, interrupted, ... */
export async function drive(options: DriveOptions): Promise<Driven> {
  const { folder } = options;
  const opened = folder.openJournal();
  const { journal } = opened;
  if (opened.tornTail !== undefined) options.onWarning?.(torn(folder.run, opened.tornTail));
  const progress = journal.lines().reduce((p, line) => advance(p, line.fact), untouched);
  const plan = folder.plan(progress.planDigest === '' ? undefined : progress.planDigest);
  const lock = await takeLock({
    file: join(plan.settings.stateDir, 'locks', `${plan.inventory.cluster.uid}.lock`),
    owner: { operation: options.ask, run: folder.run },
    now: Date.now,
    timeoutMs: options.lockTimeoutMs,
  });
  try {
    const world = await openWorld({ settings: plan.settings, env: options.env });
    try {
      return await driveIn(world, plan, { ...options, journal });
    } finally {
      await world.close();
    }
  } finally {
    journal.close();
    lock.release();
  }
}

type InWorld = DriveOptions & { readonly journal: ReturnType<RunFolder['openJournal']>['journal'] };

async function driveIn(world: World, plan: Plan, options: InWorld): Promise<Driven> {
  const { folder, journal } = options;
  const checkpoints = folder.checkpoints(plan.settings);
  await checkpoints.prove();
  const issuer = await world.issuer();
  let run: Run | undefined;
  const inventoryNow = (): Promise<Plan['inventory']> =>
    scanCluster({ hosts: world.hosts, shells: world.shells, kube: world.access.kube(), signal: new AbortController().signal, now: Date.now });
  const siteOf = siteFactory({
    run: folder.run,
    world,
    issuer,
    checkpoints,
    artefacts: (attempt) => folder.artefacts(attempt),
    observe: inventoryNow,
    pace: options.pace ?? 1,
  });
  const replayed = journal.lines().reduce((p, l) => advance(p, l.fact), untouched);
  const goesBack = options.ask === 'rollback' || replayed.direction === 'back';
  // First of all: after distrust the kubeconfig alone is no way in any more.
  await takeUpCredential(world, folder, plan, { issuer, attempt: replayed.attempt, holds: holdsCredential(replayed, plan), goesBack });
  await refuseOtherCluster(world.access.kube(), plan);
  // A process that was ended in the middle of a cutover finds no API.
  const mayDoWithoutApi = goesBack || isWithoutApi(courseFor(plan, stepKinds), replayed);
  // Before anything is written: a run of a stale plan leaves no journal behind.
  if (!journal.lines().some((l) => l.fact.type === 'run.submitted')) {
    checkPlan(plan, await inventoryNow());
    await checkIssuer(issuer, plan);
  }
  const lease = await takeClusterLease(() => world.access.kube(), folder.run).catch((error: unknown) => unlessApiIsAway(error, mayDoWithoutApi));
  run = openRun({
    run: folder.run,
    tool: toolVersion,
    plan,
    journal,
    kinds: predictedKinds(stepKinds),
    checkpoints,
    siteOf,
    clock: systemClock,
    limits: limitsAt(options.pace ?? 1),
  });
  journal.onAppend(options.onLine);
  run.start();
  await clearGuard(run, world, plan);
  const files = watchFiles({ run, kinds: stepKinds, shells: world.shells });
  journal.onAppend(({ fact }) => files.tell(fact));
  const stopGuard = watchApi({ run, prober: openApiProber({ servers: [plan.inventory.cluster.server, ...nodesWith(plan.inventory, 'control-plane').map(apiServerOf)] }) });
  options.interrupts.onPause(() => {
    const view = run?.state();
    const fact: Fact = { type: 'run.pauseAsked', by: options.by };
    if (view?.can(fact) === true) run?.decide(fact);
  });
  options.interrupts.onLeave(() => void run?.stop());
  try {
    open(run, options);
    return await toTheNextDecision(run, options, inventoryNow);
  } finally {
    await stopGuard();
    await files.stop();
    await lease?.release();
  }
}

/** An effect settles at the speed of this machine, whatever the pace. */
const shortestGraceMs = 5_000;

function limitsAt(pace: Pace): Partial<Limits> {
  return { retryWaitsMs: defaultLimits.retryWaitsMs.map((ms) => pauseAt(pace, ms)), graceMs: Math.max(defaultLimits.graceMs / pace, shortestGraceMs) };
}

/** Sealed, out of reach, a path not granted: found before the first backup, not after it. */
async function checkIssuer(issuer: Issuer, plan: Plan): Promise<void> {
  const step = plan.steps.find((s) => s.kind === 'issue-ca');
  const kind = stepKinds.get(step?.kind ?? '');
  if (step === undefined || kind === undefined) return;
  const { ttl } = kind.params.parse(step.params) as { ttl: number };
  const failures = await issuer.check({ caTtlMs: ttl });
  if (failures.length > 0) throw new RotationError(failures);
}

/** The way back begins over SSH even while no API answers, and so does what takes it away; another owner, or another cluster, still stops it. */
function unlessApiIsAway(error: unknown, mayDoWithout: boolean): undefined {
  const codes = failuresOf(error)?.map((f) => f.code) ?? [];
  if (!mayDoWithout || codes.length === 0 || !codes.every((code) => code === 'api-unreachable' || code === 'api-forbidden' || code === 'deadline-exceeded')) throw error;
  return undefined;
}

/** What held the run was seen by a process that has ended: whether it still holds is asked anew. */
async function clearGuard(run: Run, world: World, plan: Plan): Promise<void> {
  const { guard } = run.state().progress;
  if (guard === null || guard.isCleared) return;
  const servers = [plan.inventory.cluster.server, ...nodesWith(plan.inventory, 'control-plane').map(apiServerOf)];
  const answers = await Promise.all(
    servers.map((server) =>
      world.access
        .kube()
        .at(server)
        .get('/readyz', { deadlineMs: 5000 })
        .catch(() => ({ status: 0 })),
    ),
  );
  const fact: Fact = { type: 'guard.cleared' };
  if (answers.every((a) => a.status === 200) && run.state().can(fact)) run.decide(fact);
}

function open(run: Run, options: DriveOptions): void {
  const { by } = options;
  const facts: Record<DriveOptions['ask'], Fact | undefined> = {
    submit: { type: 'run.submitted', by },
    resume: { type: 'run.resumed', by },
    rollback: { type: 'run.rollbackAsked', by },
    forward: { type: 'run.forwardAsked', by },
    nothing: undefined,
  };
  const fact = facts[options.ask];
  const view = run.state();
  if (fact === undefined) return;
  // A run that was killed in the middle goes on by itself: there is nothing to ask it.
  if (options.ask === 'resume' && (view.isBusy || view.value === 'awaitingApproval' || view.isEnded)) return;
  if (options.ask === 'resume' && view.value === 'planned') run.decide({ type: 'run.submitted', by });
  else run.decide(fact);
}

async function toTheNextDecision(run: Run, options: InWorld, inventoryNow: () => Promise<Plan['inventory']>): Promise<Driven> {
  for (;;) {
    const view = await run.until('waiting');
    if (view.value !== 'awaitingApproval' || view.gate === undefined) return { view, differences: [] };
    const looked = await lookAgain({ run, view, inventory: await inventoryNow().catch(absent), folder: options.folder, by: options.by });
    const gate = run.state().gate;
    if (gate === undefined) return { view: run.state(), differences: looked.differences };
    const yes = options.autoApprove || (options.askGate !== undefined && (await options.askGate(run.state(), looked.differences)));
    if (!yes) return { view: run.state(), differences: looked.differences };
    run.decide({ type: 'run.approved', gate: gate.name, by: options.by, digest: run.state().progress.planDigest });
  }
}

function torn(run: string, cause: string): Failure {
  return failure('journal-torn', {
    target: run,
    summary: 'the process before was ended in the middle of a line',
    cause,
    nextAction: 'Nothing needs to be done: what was under way is inspected first.',
  });
}

/** At a gate a node that cannot be reached is more than a line that is down: trust must not be narrowed without it. */
function absent(error: unknown): never {
  const failures = failuresOf(error);
  if (failures === undefined) throw error;
  throw new RotationError(
    failures.map((f) =>
      f.code !== 'ssh-unreachable'
        ? f
        : failure('node-absent', {
            target: f.target,
            summary: 'the node cannot be reached, and the run must not go on without it',
            cause: f.cause,
            nextAction: 'Bring it back, or remove it from the cluster (kubectl delete node) and from the inventory; then approve again.',
          }),
    ),
  );
}

/** The journal says that the step hold-credential was done and not taken back; or that put-in-place was begun, from which on servers accept nothing else. */
function holdsCredential(progress: Progress, plan: Plan): boolean {
  const marks: Readonly<Record<string, readonly Mark[]>> = { 'hold-credential': ['applied', 'verified'], 'put-in-place': ['applying', 'applied', 'verified'] };
  return plan.steps.some(({ id, kind }) => Object.values(progress.marks[id] ?? {}).some(({ mark }) => marks[kind]?.includes(mark) === true));
}

/** What the engine held in memory before it was ended: trust in the incoming CA, and a leaf of it. */
async function takeUpCredential(
  world: World,
  folder: RunFolder,
  plan: Plan,
  now: { issuer: Awaited<ReturnType<World['issuer']>>; attempt: number; holds: boolean; goesBack: boolean },
): Promise<void> {
  const artefacts = folder.artefacts(now.attempt);
  const incoming = artefacts.get(artefactNames.incomingCa);
  if (incoming === undefined) return;
  // Both, whatever the kubeconfig of the moment trusts: it may have been replaced in the middle of the run.
  world.access.trustAlso(`${artefacts.get(artefactNames.outgoingCa) ?? ''}${incoming}`);
  if (!now.holds) {
    if (now.goesBack) {
      const signal = new AbortController().signal;
      world.access.present(
        await outgoingWitness({
          access: world.access,
          artefacts,
          target: 'cluster',
          inventory: plan.inventory,
          shells: world.shells,
          signal,
          deadlineAtMs: Date.now() + 30_000,
          now: Date.now,
        }),
      );
    }
    return;
  }
  try {
    const { access, roleIssuer } = world;
    await adoptIncomingCredential({ artefacts, issuer: now.issuer, roleIssuer, signal: new AbortController().signal, target: plan.inventory.cluster.server, access });
  } catch (error) {
    // The way back must not need the issuer as long as servers accept the kubeconfig's own certificate.
    if (!now.goesBack || failuresOf(error) === undefined) throw error;
  }
}
