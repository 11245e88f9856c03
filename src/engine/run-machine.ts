/**
 * The statechart of a run: one machine of fixed shape, fed by the facts of the journal. It decides; perform acts.
 *
 *   opening --> planned --submitted--> running <--resumed/approved/forwardAsked-- (the waiting states)
 *      | by replayed progress            |
 *      |        choosing: going back?    -> rollingBack
 *      |                  API went away? -> halted
 *      |                  in doubt?      -> inspect ----+
 *      |                  applied?       -> verify -----+--> choosing
 *      |                  nothing left?  -> succeeded   |
 *      |                  at a gate?     -> awaitingApproval
 *      |                  pause asked?   -> paused      |
 *      |                  else preflight -> checkpoint -> apply (ONE wave of the step)
 *      |        any phase failed -> halted
 *      +--> halted
 *      +--> rollingBack   (asked in a waiting state: at once; while running: before the next target)
 *               choosing: undo failed for good? -> failed      own paused and halted,
 *                         failed, API away?     -> halted      each of which may also
 *                         nothing to undo?      -> rolledBack  go forward again
 *                         else undo (ONE wave)  -> choosing
 *
 *   A step of several waves goes round: preflight, checkpoint, apply, verify, and again for what is left of it, so that a
 *   wave is proved before the next is touched. Undo needs no inspect and no verify: the contract of StepKind.undo is to put
 *   the checkpoint back whatever it finds, and to prove that it is back. Going back stands first in the table, live as after
 *   a crash: what is in doubt or unproved is undone like the rest.
 *   The ends (tag `ended`) are no final states of xstate: a final state stops the actor, and facts come after an end, such
 *   as forward again after a way back. `broken` is a defect of ours or a lost journal; opening the journal again goes on.
 */

import { assign, fromPromise, setup } from 'xstate';
import type { Course } from '../domain/run/course.js';
import type { Direction, Fact, Phase } from '../domain/run/facts.js';
import {
  advance,
  canRollBack,
  gateAsked,
  hasFailed,
  hasUndoFailed,
  isApiThere,
  isComplete,
  isHeld,
  nextStep,
  nextToUndo,
  type Progress,
  stepInDoubt,
  stepLostBy,
  stepToVerify,
} from '../domain/run/progress.js';

export interface Work {
  readonly phase: Phase;
  /** Id of the step. */
  readonly step: string;
  readonly direction: Direction;
}

/** `stopped`: asked to stop before all was done; what asked for it is in the progress. */
export type Outcome = 'done' | 'failed' | 'stopped';

/** Input and context: nothing is in the context but what the facts add up to. */
export interface RunInput {
  /** The courses of the plan and of its amendments, by digest. */
  readonly courseOf: (digest: string) => Course | undefined;
  readonly progress: Progress;
}

/** The course of the plan that the run follows now. */
export function courseOf(context: RunInput): Course {
  const course = context.courseOf(context.progress.planDigest);
  if (course === undefined) throw new Error(`there is no plan of digest "${context.progress.planDigest}"`);
  return course;
}

type Question = (course: Course, progress: Progress) => boolean;
const ask = (question: Question) => (args: { context: RunInput }) => question(courseOf(args.context), args.context.progress);

const { createMachine, createStateConfig } = setup({
  types: { input: {} as RunInput, context: {} as RunInput, events: {} as Fact, tags: {} as 'waiting' | 'busy' | 'ended' },
  actors: { perform: fromPromise<Outcome, Work>(() => Promise.reject(new Error('perform was not provided'))) },
  actions: { advance: assign({ progress: ({ context, event }) => advance(context.progress, event) }) },
  guards: {
    isFresh: ask((_, p) => !p.submitted),
    isGoingBack: ask((_, p) => p.direction === 'back'),
    hasFailed: ask((_, p) => hasFailed(p)),
    hasUndoFailed: ask((_, p) => hasUndoFailed(p)),
    isHeld: ask((_, p) => isHeld(p)),
    isApiThere: ask((_, p) => isApiThere(p)),
    isInDoubt: ask((c, p) => stepInDoubt(c, p) !== undefined),
    isApplied: ask((c, p) => stepToVerify(c, p) !== undefined),
    isComplete: ask(isComplete),
    isAtGate: ask((c, p) => gateAsked(c, p) !== undefined),
    isPauseAsked: ask((_, p) => p.pauseAsked),
    canRollBack: ask(canRollBack),
    hasNothingToUndo: ask((c, p) => nextToUndo(c, p) === undefined),
    isGateAsked: ({ context, event }) =>
      event.type === 'run.approved' && event.gate === gateAsked(courseOf(context), context.progress)?.name && event.digest === context.progress.planDigest,
    isKnownPlan: ({ context, event }) => {
      const amended = event.type === 'plan.amended' ? context.courseOf(event.digest) : undefined;
      return amended !== undefined && stepLostBy(amended, context.progress) === undefined;
    },
  },
});

type Args = { context: RunInput };
type Done = { event: { output: Outcome } };

const hasOutcome = (outcome: Outcome) => (args: Done) => args.event.output === outcome;
const ifDone = { guard: hasOutcome('done') };
const forward = (phase: Phase, of: typeof nextStep) => (args: Args) => ({
  phase,
  step: of(courseOf(args.context), args.context.progress)?.id ?? '',
  direction: 'forward' as const,
});
const broken = '#run.broken';

// What failed on a run that was meanwhile asked to go back is undone like the rest.
const ifFailed = [
  { guard: (args: Args & Done) => args.event.output === 'failed' && args.context.progress.direction === 'back', target: '#run.rollingBack' },
  { guard: hasOutcome('failed'), target: '#run.halted' },
] as const;
const rollBack = { guard: 'canRollBack', target: '#run.rollingBack', actions: 'advance' } as const;
const goOn = { guard: 'isApiThere', target: '#run.running', actions: 'advance' } as const;
const goBackOn = { target: '#run.rollingBack', actions: 'advance' } as const;
const amend = { guard: 'isKnownPlan', actions: 'advance' } as const;
// Another step may be the next one now, and the amended plan wants approval: what is asked for is decided anew.
const amendAndChoose = { ...amend, target: '#run.running' } as const;

const running = createStateConfig({
  tags: 'busy',
  initial: 'choosing',
  on: { 'run.rollbackAsked': { guard: 'canRollBack', actions: 'advance' }, 'run.pauseAsked': { actions: 'advance' } },
  states: {
    choosing: {
      always: [
        { guard: 'isGoingBack', target: '#run.rollingBack' },
        { guard: 'isHeld', target: '#run.halted' },
        { guard: 'isInDoubt', target: 'inspect' },
        { guard: 'isApplied', target: 'verify' },
        { guard: 'isComplete', target: '#run.succeeded' },
        { guard: 'isAtGate', target: '#run.awaitingApproval' },
        { guard: 'isPauseAsked', target: '#run.paused' },
        { target: 'preflight' },
      ],
    },
    preflight: { invoke: { src: 'perform', input: forward('preflight', nextStep), onDone: [...ifFailed, { ...ifDone, target: 'checkpoint' }, 'choosing'], onError: broken } },
    checkpoint: { invoke: { src: 'perform', input: forward('checkpoint', nextStep), onDone: [...ifFailed, { ...ifDone, target: 'apply' }, 'choosing'], onError: broken } },
    apply: { invoke: { src: 'perform', input: forward('apply', nextStep), onDone: [...ifFailed, 'choosing'], onError: broken } },
    inspect: { invoke: { src: 'perform', input: forward('inspect', stepInDoubt), onDone: [...ifFailed, 'choosing'], onError: broken } },
    verify: { invoke: { src: 'perform', input: forward('verify', stepToVerify), onDone: [...ifFailed, 'choosing'], onError: broken } },
  },
});

const rollingBack = createStateConfig({
  initial: 'choosing',
  states: {
    choosing: {
      tags: 'busy',
      always: [
        { guard: 'hasUndoFailed', target: '#run.failed' },
        { guard: 'hasFailed', target: 'halted' },
        { guard: 'hasNothingToUndo', target: '#run.rolledBack' },
        { guard: 'isHeld', target: 'halted' },
        { guard: 'isPauseAsked', target: 'paused' },
        { target: 'undo' },
      ],
    },
    undo: {
      tags: 'busy',
      on: { 'run.pauseAsked': { actions: 'advance' } },
      invoke: {
        src: 'perform',
        input: ({ context }) => ({ phase: 'undo', step: nextToUndo(courseOf(context), context.progress)?.id ?? '', direction: 'back' as const }),
        onDone: 'choosing',
        onError: broken,
      },
    },
    paused: { tags: 'waiting', on: { 'run.resumed': goBackOn, 'run.forwardAsked': goOn, 'guard.tripped': { target: 'halted', actions: 'advance' } } },
    halted: { tags: 'waiting', on: { 'run.resumed': goBackOn, 'run.forwardAsked': goOn } },
  },
});

const atEnd = { 'guard.tripped': {}, 'guard.cleared': {} } as const;

export const runMachine = createMachine({
  id: 'run',
  context: ({ input }) => input,
  initial: 'opening',
  on: {
    'step.marked': { actions: 'advance' },
    'step.failed': { actions: 'advance' },
    'guard.tripped': { actions: 'advance' },
    'guard.cleared': { actions: 'advance' },
    'run.ended': { actions: 'advance' },
  },
  states: {
    opening: {
      always: [
        { guard: 'isFresh', target: 'planned' },
        { guard: 'isGoingBack', target: 'rollingBack' },
        { guard: 'hasFailed', target: 'halted' },
        { guard: 'isHeld', target: 'halted' },
        { target: 'running' },
      ],
    },
    planned: { tags: 'waiting', on: { 'run.submitted': { target: 'running', actions: 'advance' }, 'plan.amended': amend } },
    running,
    awaitingApproval: {
      tags: 'waiting',
      on: {
        'run.approved': { guard: 'isGateAsked', target: 'running', actions: 'advance' },
        'run.rollbackAsked': rollBack,
        'plan.amended': amendAndChoose,
        'guard.tripped': { target: 'halted', actions: 'advance' },
      },
    },
    paused: {
      tags: 'waiting',
      on: { 'run.resumed': goOn, 'run.rollbackAsked': rollBack, 'plan.amended': amendAndChoose, 'guard.tripped': { target: 'halted', actions: 'advance' } },
    },
    halted: { tags: 'waiting', on: { 'run.resumed': goOn, 'run.rollbackAsked': rollBack, 'plan.amended': amend } },
    rollingBack,
    succeeded: { tags: 'ended', on: { ...atEnd, 'run.rollbackAsked': rollBack } },
    rolledBack: { tags: 'ended', on: { ...atEnd, 'run.forwardAsked': goOn } },
    failed: { tags: 'ended', on: { ...atEnd, 'run.resumed': goBackOn, 'run.forwardAsked': goOn } },
    broken: { tags: 'ended', on: { ...atEnd } },
  },
});
