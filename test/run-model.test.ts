/** The statechart itself: every state is reached, and every state that waits has a way out. */

import { describe, expect, it } from 'vitest';
import { type AnyEventObject, createActor, getNextSnapshot, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { failure } from '../src/domain/errors.js';
import type { Course } from '../src/domain/run/course.js';
import type { Fact, Mark, Phase } from '../src/domain/run/facts.js';
import { advance, hasFailed, hasUndoFailed, isApiThere, isHeld, untouched } from '../src/domain/run/progress.js';
import { runMachine } from '../src/engine/run-machine.js';

const course: Course = { digest: 'd', steps: [{ id: 'a', targets: ['x'], gate: { name: 'g', question: '?' }, pointOfNoReturn: false }] };
const by = 'sre';
const problem = failure('command-failed', { target: 'x', summary: 's', nextAction: 'n' });
const undoFailed = failure('undo-failed', { target: 'x', summary: 's', nextAction: 'n' });
const decisions: Fact[] = [
  { type: 'run.submitted', by },
  { type: 'run.approved', gate: 'g', by, digest: 'd' },
  { type: 'run.pauseAsked', by },
  { type: 'run.resumed', by },
  { type: 'run.rollbackAsked', by },
  { type: 'run.forwardAsked', by },
  { type: 'plan.amended', digest: 'd', reason: 'r', by },
  { type: 'guard.tripped', failure: problem },
  { type: 'guard.cleared' },
];

const mark = (to: Mark): Fact => ({ type: 'step.marked', step: 'a', target: 'x', mark: to, attempt: 1 });
const fails = (phase: Phase, failed = problem): Fact => ({ type: 'step.failed', step: 'a', phase, direction: phase === 'undo' ? 'back' : 'forward', failures: [failed] });

// What perform can say while it is at work, and how it can end.
const said: Record<string, Fact[]> = {
  'running.preflight': [fails('preflight')],
  'running.checkpoint': [mark('checkpointed'), fails('checkpoint')],
  'running.apply': [mark('applying'), mark('applied'), fails('apply')],
  'running.inspect': [mark('checkpointed'), mark('applied'), fails('inspect')],
  'running.verify': [mark('verified'), fails('verify')],
  'rollingBack.undo': [mark('undoing'), mark('undone'), fails('undo'), fails('undo', undoFailed)],
};
const outcomes = (phase: string): AnyEventObject[] => [
  ...['done', 'failed', 'stopped'].map((output) => ({ type: `xstate.done.actor.0.run.${phase}`, output })),
  { type: `xstate.error.actor.0.run.${phase}`, error: new Error('defect') },
];

const input = {
  courseOf: (digest: string) => (digest === 'd' ? course : undefined),
  progress: advance(untouched, { type: 'run.opened', run: 'r', planDigest: 'd', tool: 't', cluster: 'u' }),
};

const nameOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : Object.entries(value as object)
        .map(([parent, child]) => `${parent}.${nameOf(child)}`)
        .join();

// Only what perform would really say: marks in their order, and `failed` after it has said what.
function eventsIn(state: SnapshotFrom<typeof runMachine>): never[] {
  const name = nameOf(state.value);
  const p = state.context.progress;
  const saysFailed = p.failure?.phase === name.split('.')[1];
  const open = decisions.filter((fact) => state.can(fact) && !(p.attempt > 1 && fact.type === 'run.forwardAsked') && !(p.guard !== null && fact.type === 'guard.tripped'));
  const facts = saysFailed ? [] : (said[name] ?? []).filter((fact) => fact.type !== 'step.marked' || mayFollow(p.marks.a?.x?.mark, fact.mark));
  const ends = name in said ? outcomes(name).filter((end) => !('output' in end) || (end.output === 'failed') === saysFailed) : [];
  return [...open, ...facts, ...ends] as never[];
}

function mayFollow(before: Mark | undefined, mark: Mark): boolean {
  return mark === 'applying' ? before === 'checkpointed' : mark === 'undone' ? before === 'undoing' : before !== mark;
}

const paths = getShortestPaths(runMachine, {
  input,
  events: eventsIn,
  limit: 100_000,
  serializeState({ value, context: { progress: p } }) {
    return JSON.stringify([value, p.marks.a?.x?.mark, p.direction, p.pauseAsked, hasFailed(p), hasUndoFailed(p), isHeld(p), isApiThere(p), p.approved.g, p.isAmended, p.attempt]);
  },
});

const states = [
  ...['planned', 'running.preflight', 'running.checkpoint', 'running.apply', 'running.inspect', 'running.verify', 'awaitingApproval', 'paused', 'halted'],
  ...['rollingBack.undo', 'rollingBack.paused', 'rollingBack.halted', 'succeeded', 'rolledBack', 'failed', 'broken'],
];

describe('the statechart', () => {
  it('reaches every state, and no other', () => {
    expect([...new Set(paths.map((path) => nameOf(path.state.value)))].toSorted()).toEqual(states.toSorted());
  });

  it('has exactly one tag in each state', () => {
    for (const { state } of paths) expect([...state.tags]).toHaveLength(1);
  });

  it('has a way out of every state that waits: a decision, or the API that comes back and then one', () => {
    const leavesTo = (from: SnapshotFrom<typeof runMachine>, fact: Fact): boolean => from.can(fact) && nameOf(getNextSnapshot(runMachine, from, fact).value) !== nameOf(from.value);
    for (const { state } of paths.filter((path) => path.state.hasTag('waiting'))) {
      const cleared = state.can({ type: 'guard.cleared' }) ? getNextSnapshot(runMachine, state, { type: 'guard.cleared' }) : state;
      const ways = decisions.filter((fact) => leavesTo(state, fact) || leavesTo(cleared, fact));
      expect(ways.length, `${nameOf(state.value)} ${JSON.stringify(state.context.progress)}`).toBeGreaterThan(0);
    }
  });

  it('stands after a replay where it stood live, wherever it waits or has ended by a fact', () => {
    for (const { state } of paths.filter((path) => !path.state.hasTag('busy') && nameOf(path.state.value) !== 'broken')) {
      const again = createActor(runMachine, { input: state.context }).getSnapshot();
      expect(nameOf(again.value), JSON.stringify(state.context.progress)).toBe(nameOf(state.value));
    }
  });

  it('is broken by a plan that it does not have', () => {
    const actor = createActor(runMachine, { input: { courseOf: () => undefined, progress: untouched } });
    expect(actor.getSnapshot()).toMatchObject({ status: 'error' });
  });
});
