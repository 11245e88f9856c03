/**
 * Performs one phase of one step on its targets.
 * `apply` and `undo` take ONE wave of what is left; the chart comes back for the next one after this one has been proved.
 * Waves are asked anew each time, by what is true then, so that leaders come last on the way back too.
 */

import { describeFailure, type Failure, failure, failuresOf } from '../domain/errors.js';
import { type Plan, type PlannedStep, stepOf, wholeCluster } from '../domain/plan/plan.js';
import { redact } from '../domain/redact.js';
import type { Direction, Fact, Mark, Phase } from '../domain/run/facts.js';
import { inDoubtMarks, type Progress, targetsAt, undoableMarks } from '../domain/run/progress.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { Clock } from '../ports/clock.js';
import type { AnyStepKind, Site, StepKinds } from '../ports/step-kind.js';
import { fanOut } from './fan-out.js';
import { openPhaseTimer, type PhaseTimer } from './phase-timer.js';
import { onTarget, type Scene, type TargetOutcome } from './phases.js';
import { failuresIn } from './retry.js';
import type { Outcome, Work } from './run-machine.js';

/** What the engine gives to a Site; all else in it comes from the composition. */
export interface PhaseControl {
  readonly phase: Phase;
  readonly direction: Direction;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly deadlineAtMs: number;
  now(): number;
  wait(ms: number): Promise<void>;
  tell(message: string): void;
}

export type SiteOf = (plan: Plan, step: PlannedStep, target: string, control: PhaseControl) => Site;

export interface Limits {
  /** Targets of a wave at once. */
  readonly targetsAtOnce: number;
  /** Waits before the second, third, ... try of what may be tried again. */
  readonly retryWaitsMs: readonly number[];
  /** How long an effect may take to settle after its signal was raised. */
  readonly graceMs: number;
}

export const defaultLimits: Limits = { targetsAtOnce: 16, retryWaitsMs: [1_000, 3_000, 9_000], graceMs: 30_000 };

export interface PerformParts {
  readonly append: (fact: Fact) => void;
  readonly progress: () => Progress;
  readonly plan: () => Plan;
  readonly kinds: StepKinds;
  readonly checkpoints: Pick<Checkpoints, 'save' | 'load'>;
  readonly siteOf: SiteOf;
  readonly clock: Clock;
  readonly limits: Limits;
}

export interface Performer {
  perform(work: Work, signal: AbortSignal): Promise<Outcome>;
  /** Ends a phase that only reads: what it would find no longer matters. */
  endReading(): void;
  /** Resolves when nothing is being performed any more. */
  settled(): Promise<void>;
}

// A phase never touches a target whose mark does not precede it.
const marksBefore: Readonly<Record<Phase, readonly Mark[]>> = {
  preflight: ['pending', 'checkpointed'],
  checkpoint: ['pending'],
  apply: ['checkpointed'],
  inspect: inDoubtMarks,
  verify: ['applied'],
  undo: undoableMarks,
};
const isInWaves = (phase: Phase): boolean => phase === 'apply' || phase === 'undo';

/** The one who acts. It is the only one that calls a StepKind. */
export function createPerformer(parts: PerformParts): Performer {
  const { clock, limits, progress } = parts;
  const unsettled = new Map<string, Promise<unknown>>();
  let current: { readonly phase: Phase; readonly timer: PhaseTimer; readonly ended: Promise<unknown> } | undefined;

  // A journal that cannot be written is no failure of a step: nothing may be done that is not written down.
  function record(fact: Fact): void {
    try {
      parts.append(fact);
    } catch (error) {
      const why = failuresOf(error)?.map(describeFailure).join('; ') ?? String(error);
      throw new Error(`the journal cannot be written: ${why}`, { cause: error });
    }
  }

  function leaveUnsettled(target: string, effect: Promise<unknown>): void {
    unsettled.set(target, effect);
    const forget = () => unsettled.delete(target);
    effect.then(forget, forget);
  }

  async function perform(work: Work, outer: AbortSignal): Promise<Outcome> {
    // The chart invokes in the middle of a transition: only afterwards is progress that of the state that was entered.
    await Promise.resolve();
    const scene = openScene(work, outer);
    const startedAt = clock.now();
    const ended = performScene(scene);
    const own = { phase: work.phase, timer: scene.timer, ended };
    current = own;
    try {
      const outcome = await ended;
      record({ type: 'phase.ended', step: work.step, phase: work.phase, ms: clock.now() - startedAt });
      return outcome;
    } finally {
      scene.timer.close();
      if (current === own) current = undefined;
    }
  }

  function openScene(work: Work, outer: AbortSignal): Scene {
    const plan = parts.plan();
    const step = stepOf(plan, work.step);
    const kind = step === undefined ? undefined : parts.kinds.get(step.kind);
    if (step === undefined || kind === undefined) throw new Error(`there is no step "${work.step}" of a known kind`);
    const attempt = progress().attempt;
    const timer = openPhaseTimer({ clock, deadlineMs: step.deadlineMs, graceMs: limits.graceMs, outer });
    const site = (target: string): Site => {
      const control = {
        ...work,
        attempt,
        signal: timer.signal,
        deadlineAtMs: timer.deadlineAtMs,
        now: () => clock.now(),
        wait: (ms: number) => clock.wait(ms, { signal: timer.signal }),
        tell: teller(step, target),
      };
      return parts.siteOf(plan, step, target, control);
    };
    return {
      ...work,
      step,
      kind,
      params: paramsOf(kind, step),
      attempt,
      timer,
      clock,
      retryWaitsMs: limits.retryWaitsMs,
      checkpoints: parts.checkpoints,
      site,
      record,
      progress,
      leaveUnsettled,
    };
  }

  function teller(step: PlannedStep, target: string): (message: string) => void {
    let last = '';
    return (message) => {
      const line = redact(message);
      if (line !== last) record({ type: 'note', step: step.id, target, message: line });
      last = line;
    };
  }

  async function performScene(scene: Scene): Promise<Outcome> {
    let outcomes: readonly TargetOutcome[] = [];
    const ofWaves = await failuresIn(async () => {
      const targets = await targetsOf(scene);
      outcomes = await fanOut(targets, limits.targetsAtOnce, async (target) => (unsettled.has(target) ? [stillGoingOn(scene, target)] : onTarget(scene, target)));
      return [];
    });
    const failures = [...ofWaves, ...outcomes.flatMap((outcome) => (outcome === 'stopped' ? [] : outcome))];
    const isAsked = scene.timer.raisedBy() === 'asked';
    if (failures.length > 0 && !isAsked) {
      scene.record({ type: 'step.failed', step: scene.step.id, phase: scene.phase, direction: scene.direction, failures: failures.map(redacted) });
      return 'failed';
    }
    return failures.length > 0 || outcomes.includes('stopped') ? 'stopped' : 'done';
  }

  async function targetsOf(scene: Scene): Promise<readonly string[]> {
    const targets = targetsAt(progress(), scene.step, marksBefore[scene.phase]);
    if (!isInWaves(scene.phase) || scene.kind.waves === undefined || targets.length < 2) return targets;
    const waves = await scene.timer.settle(scene.kind.waves(targets, scene.site(wholeCluster), scene.params));
    const first = waves.find((wave) => wave.length > 0);
    if (first === undefined || waves.flat().toSorted().join() !== targets.toSorted().join()) throw new Error(`the waves of "${scene.step.id}" are not its targets`);
    return first;
  }

  return {
    perform,
    endReading() {
      if (current !== undefined && !isInWaves(current.phase)) current.timer.end();
    },
    async settled() {
      await current?.ended.catch(() => undefined);
    },
  };
}

function paramsOf(kind: AnyStepKind, step: PlannedStep): unknown {
  const parsed = kind.params.safeParse(step.params);
  if (!parsed.success) throw new Error(`the parameters of "${step.id}" are not those of "${kind.name}"`);
  return parsed.data;
}

function stillGoingOn(scene: Scene, target: string): Failure {
  return failure('deadline-exceeded', {
    target,
    summary: `${scene.phase} of "${scene.step.id}" was not begun`,
    cause: 'something that was begun there before has not ended yet',
    nextAction: 'Wait for it, or end rotate-ca and look at the target; then run "rotate-ca resume RUN"',
  });
}

function redacted(f: Failure): Failure {
  return { ...f, target: redact(f.target), summary: redact(f.summary), cause: redact(f.cause), nextAction: redact(f.nextAction) };
}
