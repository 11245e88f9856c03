import { describe, expect, it } from 'vitest';
import { failure } from '../errors.js';
import { type Course, courseOf } from './course.js';
import type { Fact, Mark, Phase } from './facts.js';
import * as progress from './progress.js';

const { advance, untouched } = progress;

const course: Course = {
  digest: 'd1',
  steps: [
    { id: 'a', targets: ['x', 'y'], gate: { name: 'begin', question: '?' }, pointOfNoReturn: false },
    { id: 'b', targets: ['x'], pointOfNoReturn: false },
    { id: 'c', targets: ['cluster'], gate: { name: 'end', question: '?' }, pointOfNoReturn: true },
  ],
};

const by = 'sre';
const problem = failure('api-went-away', { target: 't', summary: 's', nextAction: 'n' });
const opened: Fact = { type: 'run.opened', run: 'r', planDigest: 'd1', tool: 't', cluster: 'u' };
const checkpoint = { ref: 'r', sha256: '0' };
const marked = (step: string, target: string, mark: Mark, attempt = 1): Fact => ({
  type: 'step.marked',
  step,
  target,
  mark,
  attempt,
  ...(mark === 'checkpointed' ? { checkpoint } : {}),
});
const failed = (step: string, phase: Phase, failures = [problem]): Fact => ({ type: 'step.failed', step, phase, direction: phase === 'undo' ? 'back' : 'forward', failures });
const since = (...facts: Fact[]) => [opened, ...facts].reduce(advance, untouched);
const verified = [marked('a', 'x', 'verified'), marked('a', 'y', 'verified'), marked('b', 'x', 'verified'), marked('c', 'cluster', 'verified')];
const back: Fact = { type: 'run.rollbackAsked', by };
const onward: Fact = { type: 'run.forwardAsked', by };
const resumed: Fact = { type: 'run.resumed', by };
const tripped: Fact = { type: 'guard.tripped', failure: problem };
const cleared: Fact = { type: 'guard.cleared' };

describe('which step', () => {
  it.each([
    ['nothing done', [], 'a'],
    ['one target of two', verified.slice(0, 1), 'a'],
    ['the first step', verified.slice(0, 2), 'b'],
    ['applied is not verified', [...verified.slice(0, 2), marked('b', 'x', 'applied')], 'b'],
    ['all', verified, undefined],
    ['undone in this attempt', [...verified, marked('b', 'x', 'undone')], 'b'],
  ])('is next: %s', (_, facts, step) => {
    expect(progress.nextStep(course, since(...facts))?.id).toBe(step);
    expect(progress.isComplete(course, since(...facts))).toBe(step === undefined);
  });

  it.each([
    ['none', [marked('a', 'x', 'checkpointed')], undefined],
    ['one behind an untouched target', [marked('a', 'y', 'applying')], 'a'],
    ['of a later step', [marked('b', 'x', 'applying')], 'b'],
    ['a way back that was given up', [marked('b', 'x', 'undoing')], 'b'],
  ])('is in doubt: %s', (_, facts, step) => {
    expect(progress.stepInDoubt(course, since(...facts))?.id).toBe(step);
  });

  it('is to be verified: any that is applied somewhere', () => {
    expect(progress.stepToVerify(course, since())).toBeUndefined();
    expect(progress.stepToVerify(course, since(marked('a', 'y', 'applied')))?.id).toBe('a');
  });

  it.each([
    ['nothing', [], undefined],
    ['only checkpointed', [marked('a', 'x', 'checkpointed')], undefined],
    ['applying', [marked('a', 'x', 'applying')], 'a'],
    ['the last of several', verified.slice(0, 3), 'b'],
    ['undoing', [...verified.slice(0, 3), marked('b', 'x', 'undoing')], 'b'],
    ['what comes before what is undone', [...verified.slice(0, 3), marked('b', 'x', 'undone')], 'a'],
  ])('is to be undone: %s', (_, facts, step) => {
    expect(progress.nextToUndo(course, since(...facts))?.id).toBe(step);
  });
});

describe('marks', () => {
  it('keep the checkpoint of the time before the first apply', () => {
    const p = since(marked('a', 'x', 'checkpointed'), marked('a', 'x', 'applying'), marked('a', 'x', 'verified'));
    expect(progress.checkpointOf(p, 'a', 'x')).toEqual(checkpoint);
    expect(progress.checkpointOf(p, 'a', 'y')).toBeUndefined();
  });

  it.each<[Mark, Mark]>([
    ['undone', 'pending'],
    ['checkpointed', 'pending'],
    ['undoing', 'undoing'],
    ['verified', 'verified'],
  ])('that are %s are %s in the next attempt', (mark, then) => {
    const p = since(marked('a', 'x', mark), back, onward);
    expect(progress.markOf(p, 'a', 'x')).toBe(then);
    expect(p.attempt).toBe(2);
  });

  it('are looked at again after a proof that failed', () => {
    const p = since(marked('a', 'x', 'applied'), marked('a', 'y', 'verified'), failed('a', 'verify'), resumed);
    expect(progress.targetsAt(p, course.steps[0]!, ['applying'])).toEqual(['x']);
    expect(progress.targetsAt(p, course.steps[0]!, ['verified'])).toEqual(['y']);
    const none = since(failed('a', 'verify'), resumed);
    expect(none.marks).toEqual({ a: {} });
  });

  it('are left alone after any other failure', () => {
    const p = since(marked('a', 'x', 'applied'), failed('b', 'preflight'), resumed);
    expect(progress.markOf(p, 'a', 'x')).toBe('applied');
  });
});

describe('gates', () => {
  const approved = (gate: string, digest = 'd1'): Fact => ({ type: 'run.approved', gate, by, digest });
  const amended: Fact = { type: 'plan.amended', digest: 'd2', reason: 'w9 joined', by };
  const other = { ...course, digest: 'd2' };
  it.each([
    ['the first', course, [], 'begin'],
    ['approved', course, [approved('begin')], undefined],
    ['approved for another plan', course, [approved('begin', 'd0')], 'begin'],
    ['a step without one', course, verified.slice(0, 2), undefined],
    ['nothing left', course, verified, undefined],
    ['amended: its own gate again', other, [approved('begin'), amended], 'begin'],
    ['amended: a step without a gate asks too', other, [...verified.slice(0, 2), amended], 'amended-plan'],
    ['amended and approved', other, [...verified.slice(0, 2), amended, approved('amended-plan', 'd2')], undefined],
    ['amended, an older approval', other, [...verified.slice(0, 2), amended, approved('amended-plan', 'd1')], 'amended-plan'],
    ['amended before it was submitted', other, [...verified.slice(0, 2), amended, { type: 'run.submitted', by } as Fact], undefined],
    ['forward again asks again', course, [approved('begin'), back, onward], 'begin'],
  ])('%s', (_, on, facts, gate) => {
    expect(progress.gateAsked(on, since(...facts))?.name).toBe(gate);
  });

  it('end a pause when they are approved', () => {
    expect(since({ type: 'run.pauseAsked', by }).pauseAsked).toBe(true);
    expect(since({ type: 'run.pauseAsked', by }, approved('begin')).pauseAsked).toBe(false);
  });
});

describe('the way back', () => {
  it.each([
    ['from the beginning', [], true],
    ['after some steps', verified.slice(0, 3), true],
    ['not once it is gone', [back], false],
    ['not after the point of no return', verified, false],
    ['not in the midst of it', [marked('c', 'cluster', 'applying')], false],
    ['before it was touched', [marked('c', 'cluster', 'checkpointed')], true],
  ])('is open %s: %s', (_, facts, isOpen) => {
    expect(progress.canRollBack(course, since(...facts))).toBe(isOpen);
  });

  it('names the step that closed it', () => {
    expect(progress.passedPointOfNoReturn(course, since(...verified))?.id).toBe('c');
  });

  it('is not held up by the failure that it answers, but by its own', () => {
    expect(progress.hasFailed(since(failed('a', 'apply')))).toBe(true);
    expect(progress.hasFailed(since(failed('a', 'apply'), back))).toBe(false);
    expect(progress.hasFailed(since(back, failed('a', 'apply')))).toBe(false);
    expect(progress.hasFailed(since(back, failed('a', 'undo')))).toBe(true);
  });

  it('has failed for good only when an undo says so', () => {
    const undoFailed = (retryable: boolean) => [failure('undo-failed', { target: 't', summary: 's', nextAction: 'n', retryable })];
    expect(progress.hasUndoFailed(since(back, failed('a', 'undo', undoFailed(false))))).toBe(true);
    expect(progress.hasUndoFailed(since(back, failed('a', 'undo', undoFailed(true))))).toBe(false);
    expect(progress.hasUndoFailed(since(back, failed('a', 'undo')))).toBe(false);
    expect(progress.hasUndoFailed(since(failed('a', 'apply', undoFailed(false))))).toBe(false);
    expect(progress.hasUndoFailed(since(back))).toBe(false);
  });

  it('may not lose a step that was begun', () => {
    const without = { ...course, steps: course.steps.slice(1) };
    expect(progress.stepLostBy(without, since(marked('a', 'x', 'checkpointed')))).toBeUndefined();
    expect(progress.stepLostBy(without, since(marked('a', 'x', 'applying')))).toBe('a');
    expect(progress.stepLostBy(course, since(marked('a', 'x', 'applying')))).toBeUndefined();
  });
});

describe('the guard', () => {
  it.each([
    ['never tripped', [], false, true],
    ['tripped', [tripped], true, false],
    ['back again, until someone resumes', [tripped, cleared], true, true],
    ['back and resumed', [tripped, cleared, resumed], false, true],
    ['resumed without it', [tripped, resumed], false, false],
    ['on the way back', [tripped, back], false, false],
    ['tripped on the way back', [tripped, back, tripped], true, false],
    ['cleared without a trip', [cleared], false, true],
    ['forward again', [tripped, back, cleared, onward], false, true],
  ])('%s', (_, facts, isHeld, isApiThere) => {
    const p = since(...facts);
    expect([progress.isHeld(p), progress.isApiThere(p)]).toEqual([isHeld, isApiThere]);
  });
});

it('takes note of the end, until the run goes on', () => {
  const ended: Fact = { type: 'run.ended', outcome: 'rolledBack' };
  expect(since(ended).outcome).toBe('rolledBack');
  for (const fact of [onward, back, resumed]) expect(since(ended, fact).outcome).toBeNull();
});

it.each<Fact>([
  { type: 'note', step: 'a', target: 'x', message: 'm' },
  { type: 'phase.ended', step: 'a', phase: 'apply', ms: 1 },
  { type: 'artefact.recorded', name: 'n', sha256: '0' },
  { type: 'outgoing.destroyed', copies: [], by },
])('does not change by $type', (fact) => {
  expect(since(fact)).toEqual(since());
});

it('makes the course of a plan', () => {
  const step = { kind: 'k', title: '', params: {}, targets: ['x'], deadlineMs: 1, ifItFails: '', rollback: '' };
  const gate = { name: 'g', question: '?' };
  expect(
    courseOf(
      {
        digest: 'd',
        steps: [
          { ...step, id: 'a' },
          { ...step, id: 'b', kind: 'last', gate },
        ],
      },
      ({ kind }) => ({ pointOfNoReturn: kind === 'last' }),
    ),
  ).toEqual({
    digest: 'd',
    steps: [
      { id: 'a', targets: ['x'], pointOfNoReturn: false },
      { id: 'b', targets: ['x'], gate, pointOfNoReturn: true },
    ],
  });
});

it('an acknowledgement moves nothing: it is read from the journal where the gate asks', () => {
  const before = since(...verified.slice(0, 2));
  expect(advance(before, { type: 'holder.acknowledged', holder: 'alice', by })).toEqual(before);
});
