/**
 * How far a run has come: what the facts of its journal add up to, and the questions that decide what is next.
 * `advance` serves the live run and the replay alike; there is no cursor, only a mark for each (step, target).
 */

import type { Failure } from '../errors.js';
import type { Gate } from '../plan/plan.js';
import type { Course, CourseStep } from './course.js';
import type { Direction, Fact, Mark, Phase } from './facts.js';

export interface TargetState {
  readonly mark: Mark;
  /** Attempt in which the mark was made. */
  readonly attempt: number;
  /** Kept from `checkpointed` on, also into later attempts, until a new one is taken. */
  readonly checkpoint?: { readonly ref: string; readonly sha256: string };
}

export interface StepFailure {
  readonly step: string;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly failures: readonly Failure[];
}

/** The API went away. It holds the run until it is cleared and the run resumed; on the way back the operator may go on without it. */
export interface GuardTrip {
  readonly failure: Failure;
  readonly isCleared: boolean;
  readonly isAccepted: boolean;
}

/** Plain JSON. */
export interface Progress {
  readonly run: string;
  readonly planDigest: string;
  readonly submitted: boolean;
  readonly direction: Direction;
  readonly attempt: number;
  /** Gate -> digest of the plan for which it was approved. */
  readonly approved: Readonly<Record<string, string>>;
  /** The plan was made anew and nobody has approved that yet. */
  readonly isAmended: boolean;
  readonly pauseAsked: boolean;
  readonly failure: StepFailure | null;
  readonly guard: GuardTrip | null;
  /** Step -> target -> state. */
  readonly marks: Readonly<Record<string, Readonly<Record<string, TargetState>>>>;
  readonly outcome: 'succeeded' | 'rolledBack' | 'failed' | null;
}

export const untouched: Progress = {
  run: '',
  planDigest: '',
  submitted: false,
  direction: 'forward',
  attempt: 1,
  approved: {},
  isAmended: false,
  pauseAsked: false,
  failure: null,
  guard: null,
  marks: {},
  outcome: null,
};

/** Asked where a plan was made anew and its next step has no gate of its own. */
export const amendedPlanGate: Gate = {
  name: 'amended-plan',
  question: 'The plan was made anew. Go on with the amended plan?',
};

/** What a fact adds to the progress. */
export function advance(p: Progress, fact: Fact): Progress {
  switch (fact.type) {
    case 'run.opened':
      return { ...p, run: fact.run, planDigest: fact.planDigest };
    case 'run.submitted':
      return { ...p, submitted: true, isAmended: false };
    case 'run.approved':
      return { ...p, approved: { ...p.approved, [fact.gate]: fact.digest }, isAmended: p.isAmended && fact.digest !== p.planDigest, pauseAsked: false };
    case 'run.pauseAsked':
      return { ...p, pauseAsked: true };
    case 'run.resumed':
      return { ...lookAgain(p), pauseAsked: false, failure: null, guard: guardAfterResume(p), outcome: null };
    case 'run.rollbackAsked':
      return { ...p, direction: 'back', pauseAsked: false, failure: null, guard: accepted(p.guard), outcome: null };
    case 'run.forwardAsked':
      return { ...p, direction: 'forward', attempt: p.attempt + 1, approved: {}, pauseAsked: false, failure: null, guard: guardAfterResume(p), outcome: null };
    case 'step.marked':
      return withMark(p, fact);
    case 'step.failed':
      return { ...p, failure: { step: fact.step, phase: fact.phase, direction: fact.direction, failures: fact.failures } };
    case 'guard.tripped':
      return { ...p, guard: { failure: fact.failure, isCleared: false, isAccepted: false } };
    case 'guard.cleared':
      return p.guard === null ? p : { ...p, guard: { ...p.guard, isCleared: true } };
    case 'plan.amended':
      return { ...p, planDigest: fact.digest, isAmended: true };
    case 'run.ended':
      return { ...p, outcome: fact.outcome };
    case 'artefact.recorded':
    case 'note':
    case 'phase.ended':
    case 'outgoing.destroyed':
    case 'holder.acknowledged':
      return p;
  }
}

function withMark(p: Progress, fact: Extract<Fact, { type: 'step.marked' }>): Progress {
  const before = p.marks[fact.step]?.[fact.target]?.checkpoint;
  const checkpoint = fact.checkpoint ?? before;
  const state: TargetState = { mark: fact.mark, attempt: fact.attempt, ...(checkpoint === undefined ? {} : { checkpoint }) };
  return { ...p, marks: { ...p.marks, [fact.step]: { ...p.marks[fact.step], [fact.target]: state } } };
}

// Resumed after a failed proof: what stands on the targets is not what was applied, or not yet. Only a look can tell which.
function lookAgain(p: Progress): Progress {
  if (p.failure?.phase !== 'verify' || p.failure.direction !== p.direction) return p;
  const targets = Object.entries(p.marks[p.failure.step] ?? {}).map(([target, state]) => [target, state.mark === 'applied' ? { ...state, mark: 'applying' as const } : state]);
  return { ...p, marks: { ...p.marks, [p.failure.step]: Object.fromEntries(targets) } };
}

function guardAfterResume(p: Progress): GuardTrip | null {
  return p.guard === null || p.guard.isCleared ? null : accepted(p.guard);
}

function accepted(guard: GuardTrip | null): GuardTrip | null {
  return guard === null ? null : { ...guard, isAccepted: true };
}

/** The mark of a target as of now: what was undone, or only checkpointed, in an earlier attempt is pending in this one. */
export function markOf(p: Progress, step: string, target: string): Mark {
  const state = p.marks[step]?.[target];
  if (state === undefined) return 'pending';
  const isOfEarlierAttempt = state.attempt < p.attempt;
  return isOfEarlierAttempt && (state.mark === 'undone' || state.mark === 'checkpointed') ? 'pending' : state.mark;
}

/** The checkpoint that undo of a target puts back. */
export function checkpointOf(p: Progress, step: string, target: string): TargetState['checkpoint'] {
  return p.marks[step]?.[target]?.checkpoint;
}

/** The targets of a step that stand at one of these marks, in the order of the plan. */
export function targetsAt(p: Progress, step: Pick<CourseStep, 'id' | 'targets'>, marks: readonly Mark[]): string[] {
  return step.targets.filter((target) => marks.includes(markOf(p, step.id, target)));
}

/** Forward: what a crash, a lost line or a way back that was given up has left in doubt. Back: nothing, undo puts the checkpoint back whatever it finds. */
export const inDoubtMarks: readonly Mark[] = ['applying', 'undoing'];
export const undoableMarks: readonly Mark[] = ['applying', 'applied', 'verified', 'undoing'];

/** The first step that is not verified on all of its targets. */
export function nextStep(course: Course, p: Progress): CourseStep | undefined {
  return course.steps.find((step) => step.targets.some((target) => markOf(p, step.id, target) !== 'verified'));
}

/** The first step with ANY target in doubt: the least of its marks would hide one behind untouched ones, and a plan made anew may have put an earlier step before it. */
export function stepInDoubt(course: Course, p: Progress): CourseStep | undefined {
  return course.steps.find((step) => targetsAt(p, step, inDoubtMarks).length > 0);
}

/** The first step that is applied on some target and not yet proved there: that comes before the next wave. */
export function stepToVerify(course: Course, p: Progress): CourseStep | undefined {
  return course.steps.find((step) => targetsAt(p, step, ['applied']).length > 0);
}

/** Every step is verified on every target. */
export function isComplete(course: Course, p: Progress): boolean {
  return nextStep(course, p) === undefined;
}

/** The gate that must be approved, for the plan as it is now, before the next step; undefined if the way is free. */
export function gateAsked(course: Course, p: Progress): Gate | undefined {
  const step = nextStep(course, p);
  if (step === undefined) return undefined;
  if (step.gate !== undefined && p.approved[step.gate.name] !== course.digest) return step.gate;
  return p.isAmended ? amendedPlanGate : undefined;
}

/** The last step that has been applied on some target, wholly or in part. */
export function nextToUndo(course: Course, p: Progress): CourseStep | undefined {
  return course.steps.findLast((step) => targetsAt(p, step, undoableMarks).length > 0);
}

/** The step with a point of no return that has been begun; undefined if there is a way back. */
export function passedPointOfNoReturn(course: Course, p: Progress): CourseStep | undefined {
  return course.steps.find((step) => step.pointOfNoReturn && targetsAt(p, step, undoableMarks).length > 0);
}

/** May be asked to go back: not on the way back already, and no point of no return has been begun. */
export function canRollBack(course: Course, p: Progress): boolean {
  return p.direction === 'forward' && passedPointOfNoReturn(course, p) === undefined;
}

/** A phase failed in the direction in which the run goes. A failed step does not hold up its own rollback. */
export function hasFailed(p: Progress): boolean {
  return p.failure !== null && p.failure.direction === p.direction;
}

/** The API went away, and nobody has resumed the run since. */
export function isHeld(p: Progress): boolean {
  return p.guard !== null && !p.guard.isAccepted;
}

/** The step under way takes the API away, on the way that is gone. */
export function isWithoutApi(course: Course, p: Progress): boolean {
  const step = p.direction === 'forward' ? nextStep(course, p) : nextToUndo(course, p);
  return step?.withoutApi?.includes(p.direction) ?? false;
}

/** May go on forward: the API is there. */
export function isApiThere(p: Progress): boolean {
  return p.guard === null || p.guard.isCleared;
}

/** A step could not be taken back, and trying again by itself makes no sense: a human must look. */
export function hasUndoFailed(p: Progress): boolean {
  return hasFailed(p) && p.direction === 'back' && p.failure?.failures.some((f) => f.code === 'undo-failed' && !f.retryable) === true;
}

/** Why a plan may not take the place of another: a step that was begun is missing from it, so there would be no way back. */
export function stepLostBy(amended: Course, p: Progress): string | undefined {
  return Object.entries(p.marks)
    .filter(([, targets]) => Object.values(targets).some((state) => undoableMarks.includes(state.mark)))
    .map(([step]) => step)
    .find((id) => !amended.steps.some((step) => step.id === id));
}
