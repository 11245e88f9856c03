/** What each phase does on ONE target: the intent is on disk before the act, the outcome after it. */

import { type Failure, failure } from '../domain/errors.js';
import type { PlannedStep } from '../domain/plan/plan.js';
import { redact } from '../domain/redact.js';
import type { Direction, Fact, Mark, Phase } from '../domain/run/facts.js';
import { checkpointOf, isHeld, type Progress } from '../domain/run/progress.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { Clock } from '../ports/clock.js';
import type { AnyStepKind, Site } from '../ports/step-kind.js';
import { type PhaseTimer, Unsettled } from './phase-timer.js';
import { failuresIn, retry } from './retry.js';

/** One phase of one step, with all that its targets share. */
export interface Scene {
  readonly phase: Phase;
  readonly direction: Direction;
  readonly step: PlannedStep;
  readonly kind: AnyStepKind;
  /** What the kind's own schema made of the step's parameters. */
  readonly params: unknown;
  readonly attempt: number;
  readonly timer: PhaseTimer;
  readonly clock: Clock;
  readonly retryWaitsMs: readonly number[];
  readonly checkpoints: Pick<Checkpoints, 'save' | 'load'>;
  site(target: string): Site;
  /** Appends to the journal. What it throws breaks the run. */
  record(fact: Fact): void;
  progress(): Progress;
  /** An effect on a target was given up waiting for; nothing else may be done there until it ends. */
  leaveUnsettled(target: string, effect: Promise<unknown>): void;
}

/** What failed on a target, nothing if all went well; 'stopped': it was not begun or not ended, because that was asked. */
export type TargetOutcome = readonly Failure[] | 'stopped';

type OnTarget = (scene: Scene, target: string) => Promise<readonly Failure[] | 'stopped'>;

const none: readonly Failure[] = [];

/** Performs the scene's phase on a target. Anything thrown is a defect. */
export async function onTarget(scene: Scene, target: string): Promise<TargetOutcome> {
  try {
    return inWords(scene, target, await phases[scene.phase](scene, target));
  } catch (error) {
    if (!(error instanceof Unsettled)) throw error;
    return scene.timer.raisedBy() === 'asked' ? 'stopped' : [overdue(scene, target, 'it did not end when it was told to, and may still be going on')];
  }
}

const phases: Readonly<Record<Phase, OnTarget>> = {
  preflight: (scene, target) => tried(scene, target, () => scene.kind.preflight(scene.site(target), scene.params)),

  async checkpoint(scene, target) {
    return tried(scene, target, async () => {
      const saved = await scene.kind.checkpoint(scene.site(target), scene.params);
      const { ref, sha256 } = await scene.checkpoints.save({ step: scene.step.id, target, attempt: scene.attempt }, saved);
      mark(scene, target, 'checkpointed', { ref, sha256 });
      return none;
    });
  },

  async apply(scene, target) {
    if (isToStop(scene)) return 'stopped';
    mark(scene, target, 'applying');
    const failures = await tried(scene, target, async (attempt) => {
      // After a lost line the act may have happened: look first.
      const found = attempt === 0 ? 'absent' : await scene.kind.inspect(scene.site(target), scene.params);
      if (found !== 'present') await scene.kind.apply(scene.site(target), scene.params);
      return none;
    });
    if (failures.length === 0) mark(scene, target, 'applied');
    return failures;
  },

  inspect: (scene, target) =>
    tried(scene, target, async () => {
      const found = await scene.kind.inspect(scene.site(target), scene.params);
      // Apply is idempotent. The checkpoint stays that of the time before the first apply.
      mark(scene, target, found === 'present' ? 'applied' : 'checkpointed');
      return none;
    }),

  async verify(scene, target) {
    const failures = await tried(scene, target, () => scene.kind.verify(scene.site(target), scene.params));
    if (failures.length === 0) mark(scene, target, 'verified');
    return failures;
  },

  async undo(scene, target) {
    const ref = checkpointOf(scene.progress(), scene.step.id, target);
    if (ref === undefined) throw new Error(`"${scene.step.id}" was applied on "${target}" without a checkpoint`);
    const loaded = await loadedCheckpoint(scene, ref);
    if (Array.isArray(loaded)) return loaded;
    if (isToStop(scene)) return 'stopped';
    mark(scene, target, 'undoing');
    const failures = await tried(scene, target, async () => {
      await scene.kind.undo(scene.site(target), scene.params, loaded);
      return none;
    });
    if (failures.length === 0) mark(scene, target, 'undone');
    return failures;
  },
};

async function loadedCheckpoint(scene: Scene, ref: { ref: string; sha256: string }) {
  let loaded: Awaited<ReturnType<Checkpoints['load']>> | undefined;
  const failures = await failuresIn(async () => {
    loaded = await scene.checkpoints.load(ref);
    return none;
  });
  return loaded ?? [...failures];
}

/** Asked before each target is begun, not once for all of them. */
function isToStop(scene: Scene): boolean {
  const p = scene.progress();
  return scene.timer.signal.aborted || p.pauseAsked || isHeld(p) || p.direction !== scene.direction;
}

function mark(scene: Scene, target: string, to: Mark, checkpoint?: { ref: string; sha256: string }): void {
  scene.record({ type: 'step.marked', step: scene.step.id, target, mark: to, attempt: scene.attempt, ...(checkpoint === undefined ? {} : { checkpoint }) });
}

function tried(scene: Scene, target: string, act: (attempt: number) => Promise<readonly Failure[]>): Promise<readonly Failure[]> {
  const { timer, clock, retryWaitsMs } = scene;
  return retry((attempt) => settled(scene, target, act(attempt)), {
    clock,
    signal: timer.signal,
    deadlineAtMs: timer.deadlineAtMs,
    waitsMs: retryWaitsMs,
    onRetry: (failures, waitMs) => {
      const why = failures.map((f) => `${f.code}: ${f.summary}`).join('; ');
      scene.record({ type: 'note', step: scene.step.id, target, message: redact(`${scene.phase} is tried again in ${waitMs / 1000} s: ${why}`) });
    },
  });
}

async function settled(scene: Scene, target: string, effect: Promise<readonly Failure[]>): Promise<readonly Failure[]> {
  try {
    return await scene.timer.settle(effect);
  } catch (error) {
    if (error instanceof Unsettled) scene.leaveUnsettled(target, effect);
    throw error;
  }
}

// `interrupted` is how an effect ends whose signal was raised; why it was raised is what the operator needs.
function inWords(scene: Scene, target: string, outcome: TargetOutcome): TargetOutcome {
  if (outcome === 'stopped' || outcome.length === 0) return outcome;
  if (scene.timer.raisedBy() === 'asked') return 'stopped';
  const isCutOff = scene.timer.raisedBy() === 'deadline' && outcome.every((f) => f.code === 'interrupted');
  return isCutOff ? [overdue(scene, target, 'its deadline has passed')] : outcome;
}

function overdue(scene: Scene, target: string, cause: string): Failure {
  return failure('deadline-exceeded', {
    target,
    summary: `${scene.phase} of "${scene.step.id}" took longer than ${scene.step.deadlineMs / 1000} s`,
    cause,
    nextAction: 'Look at the target, then run "rotate-ca resume RUN": what is in doubt is inspected first',
  });
}
