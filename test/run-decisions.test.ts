/** What an operator may ask of a run, and what becomes of it: pause, rollback, forward again, approval, another plan. */

import { describe, expect, it } from 'vitest';
import { failure, RotationError } from '../src/domain/errors.js';
import type { Fact, Phase } from '../src/domain/run/facts.js';
import { createRig, drive, goOn, initialValues, type Life, type Rig } from './support/rig.js';
import { planOf, stepWith } from './support/plans.js';

const by = 'sre';
const pause: Fact = { type: 'run.pauseAsked', by };
const resume: Fact = { type: 'run.resumed', by };
const rollBack: Fact = { type: 'run.rollbackAsked', by };
const forward: Fact = { type: 'run.forwardAsked', by };
const submit: Fact = { type: 'run.submitted', by };
const trip: Fact = { type: 'guard.tripped', failure: failure('api-went-away', { target: 'api', summary: 'gone', nextAction: 'wait' }) };
const clear: Fact = { type: 'guard.cleared' };

const refuses = (life: Life, fact: Fact, why: RegExp | string = '') => {
  const before = life.journal.lines().length;
  expect(() => life.run.decide(fact)).toThrow(expect.objectContaining({ code: 'decision-refused', message: expect.stringMatching(why) as string }));
  expect(life.journal.lines().length).toBe(before);
};

/** Does something once, at a moment of the world. */
function at(rig: Rig, moment: string, act: () => void): void {
  let isDone = false;
  rig.world.on = (now) => {
    if (isDone || now !== moment) return;
    isDone = true;
    act();
  };
}

const broken = (target: string) => new RotationError(failure('command-failed', { target, summary: 'refused', nextAction: 'Look' }));
const fails = (target: string) => () => {
  throw broken(target);
};

/** Opens the run again and compares it with the live one. */
function same(rig: Rig, life: Life): void {
  const [again, now] = [rig.replayed(life.run.state().plan), life.run.state()];
  expect([again.value, again.progress]).toEqual([now.value, now.progress]);
}

/** Begun, approved at its first gate, and run until it waits. */
async function begun(rig: Rig, life = rig.open()): Promise<Life> {
  life.run.start();
  life.run.decide(submit);
  const { plan, gate } = await life.run.until('waiting');
  life.run.decide({ type: 'run.approved', gate: gate!.name, by, digest: plan.digest });
  await life.run.until('waiting');
  return life;
}

describe('a failure', () => {
  const moments: [Phase, string][] = [
    ['preflight', 'preflight leaf@w2'],
    ['checkpoint', 'checkpoint leaf@w2'],
    ['apply', 'apply half leaf@w2'],
    ['verify', 'verify leaf@w2'],
  ];
  it.each(moments)('in %s halts, and is gone after resume', async (phase, moment) => {
    const rig = createRig();
    at(rig, moment, fails('w2'));
    const life = await begun(rig);
    expect(life.run.state().value).toBe('halted');
    expect(life.run.state().progress.failure).toMatchObject({ step: 'renew/1', phase, failures: [{ code: 'command-failed', target: 'w2' }] });
    same(rig, life);
    expect(await drive(rig, life)).toMatchObject({ value: 'succeeded' });
    const applied = rig.world.log.filter((entry) => entry.startsWith('apply'));
    expect(new Set(applied).size).toBe(applied.length);
  });

  it.each(moments)('in %s can be rolled back', async (_, moment) => {
    const rig = createRig();
    at(rig, moment, fails('w2'));
    const life = await begun(rig);
    life.run.decide(rollBack);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'rolledBack' });
    expect(rig.world.snapshot()).toEqual(initialValues);
  });

  it('of a proof makes the engine look again: what was taken away meanwhile is applied again', async () => {
    const rig = createRig();
    at(rig, 'verify leaf@w2', () => void rig.world.values.set('leaf@w2', 'reverted by an agent'));
    const life = await begun(rig);
    expect(life.run.state().progress.failure).toMatchObject({ phase: 'verify' });
    life.run.decide(resume);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'awaitingApproval' });
    expect(rig.world.values.get('leaf@w2')).toBe('leaf-incoming');
  });

  it('of an undo halts the way back, and resume goes on with it', async () => {
    const rig = createRig();
    const life = await begun(rig);
    at(rig, 'undo half trust@cp2', fails('cp2'));
    life.run.decide(rollBack);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'rollingBack.halted' });
    same(rig, life);
    refuses(life, rollBack, 'on its way back already');
    life.run.decide(resume);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'rolledBack' });
    expect(rig.world.snapshot()).toEqual(initialValues);
  });

  it('of an undo that makes no sense to repeat ends the run, until a human has looked', async () => {
    const rig = createRig();
    const life = await begun(rig);
    at(rig, 'undo half trust@cp2', () => {
      throw new RotationError(failure('undo-failed', { target: 'cp2', summary: 'gone', nextAction: 'Look' }));
    });
    life.run.decide(rollBack);
    expect(await life.run.until('ended')).toMatchObject({ value: 'failed', progress: { outcome: 'failed' } });
    same(rig, life);
    life.run.decide(resume);
    expect(await life.run.until('ended')).toMatchObject({ value: 'rolledBack', progress: { outcome: 'rolledBack' } });
    expect(rig.world.snapshot()).toEqual(initialValues);
  });

  it('that nobody foresaw breaks the run; opening it again goes on', async () => {
    const rig = createRig();
    at(rig, 'apply half leaf@w1', () => {
      throw new TypeError('x is undefined');
    });
    const life = await begun(rig);
    expect(life.run.state()).toMatchObject({ value: 'broken', isEnded: true, defect: expect.any(TypeError) as TypeError });
    refuses(life, resume);
    await life.run.stop();
    expect(await drive(rig, rig.open())).toMatchObject({ value: 'succeeded' });
  });
});

describe('a pause', () => {
  it('takes effect before the next target, survives a restart and ends with resume', async () => {
    const rig = createRig();
    at(rig, 'apply half trust@cp1', () => life.run.decide(pause));
    const life = rig.open();
    const end = drive(rig, life, goOn, (view) => {
      if (view.value === 'paused') same(rig, life);
    });
    const paused = await life.run.until((view) => view.value === 'paused');
    expect(paused.progress.marks.trust?.cp1?.mark).toBe('verified');
    expect(paused.progress.marks.trust?.cp2?.mark).toBe('checkpointed');
    expect(await end).toMatchObject({ value: 'succeeded' });
  });

  it('on the way back waits too, and forward again is possible from there', async () => {
    const rig = createRig();
    const life = await begun(rig);
    at(rig, 'undo half leaf@w3', () => life.run.decide(pause));
    life.run.decide(rollBack);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'rollingBack.paused' });
    same(rig, life);
    expect(rig.world.values.get('leaf@w1')).toBe('leaf-incoming');
    life.run.decide(forward);
    expect(await drive(rig, life)).toMatchObject({ value: 'succeeded', progress: { attempt: 2 } });
    expect(rig.checkpoints.refs.filter((ref) => ref.startsWith('renew/'))).toEqual(['renew/1@w1@1', 'renew/1@w2@1', 'renew/2@w3@1', 'renew/2@w3@2']);
  });

  it('cannot be asked of a run that waits already', async () => {
    const life = await begun(createRig());
    refuses(life, pause, /What can be asked now: "rotate-ca approve r1" \(gate "switch"\), "rotate-ca rollback r1"/);
  });
});

describe('a rollback', () => {
  it('asked while running lets the targets at work end, begins no other, and goes back', async () => {
    const rig = createRig();
    at(rig, 'apply half trust@cp1', () => life.run.decide(rollBack));
    const life = rig.open();
    expect(await drive(rig, life)).toMatchObject({ value: 'rolledBack' });
    expect(rig.world.log).toEqual(['apply backup@cluster', 'apply trust@cp1', 'undo trust@cp1', 'undo backup@cluster']);
    expect(rig.world.snapshot()).toEqual(initialValues);
  });

  it('does not wait for a proof that is waiting', async () => {
    const rig = createRig();
    const life = rig.open();
    rig.world.on = (moment) => {
      if (moment !== 'verify trust@cp1') return;
      life.run.decide(rollBack);
      throw new RotationError(failure('interrupted', { target: 'cp1', summary: 'ended early', nextAction: 'none' }));
    };
    expect(await drive(rig, life)).toMatchObject({ value: 'rolledBack' });
    expect(rig.facts().filter((fact) => fact.type === 'step.failed')).toEqual([]);
  });

  it('of a step that fails meanwhile goes back all the same', async () => {
    const rig = createRig();
    const life = rig.open();
    at(rig, 'apply half trust@cp1', () => {
      life.run.decide(rollBack);
      throw broken('cp1');
    });
    expect(await drive(rig, life)).toMatchObject({ value: 'rolledBack' });
    expect(rig.world.snapshot()).toEqual(initialValues);
  });

  it('is refused after the point of no return, while resume is not', async () => {
    const plan = planOf([
      stepWith({ id: 'first', kind: 'set', targets: ['w1'], params: { key: 'a', value: '1' } }),
      stepWith({ id: 'narrow', kind: 'set-for-good', targets: ['w1', 'w2'], params: { key: 'b', value: '1' } }),
    ]);
    const rig = createRig({ plan, initial: {} });
    at(rig, 'apply half b@w2', fails('w2'));
    const life = rig.open();
    life.run.start();
    refuses(life, rollBack);
    life.run.decide(submit);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'halted' });
    refuses(life, rollBack, 'there is no way back since "narrow" was begun');
    life.run.decide(resume);
    expect(await life.run.until('ended')).toMatchObject({ value: 'succeeded' });
    refuses(life, rollBack);
  });

  it('is open after the end too, and forward again after it asks every gate anew', async () => {
    const rig = createRig();
    const life = rig.open();
    await drive(rig, life);
    life.run.decide(rollBack);
    expect(await life.run.until('ended')).toMatchObject({ value: 'rolledBack' });
    expect(rig.world.snapshot()).toEqual(initialValues);
    same(rig, life);
    life.run.decide(forward);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'awaitingApproval', gate: { name: 'begin' } });
    same(rig, life);
    const reopened = rig.open();
    expect(await drive(rig, reopened)).toMatchObject({ value: 'succeeded', progress: { attempt: 2 } });
    expect(rig.facts().flatMap((fact) => (fact.type === 'run.ended' ? [fact.outcome] : []))).toEqual(['succeeded', 'rolledBack', 'succeeded']);
  });
});

describe('the guard', () => {
  it('stops before the next target; cleared and resumed, the run goes on', async () => {
    const rig = createRig();
    const life = rig.open();
    at(rig, 'apply half trust@cp1', () => life.run.decide(trip));
    await begun(rig, life);
    expect(life.run.state()).toMatchObject({ value: 'halted', progress: { marks: { trust: { cp1: { mark: 'applied' }, cp2: { mark: 'checkpointed' } } } } });
    same(rig, life);
    refuses(life, resume, 'the API of the cluster has not come back');
    life.run.decide(clear);
    expect(life.run.state().value).toBe('halted');
    same(rig, life);
    expect(await drive(rig, life)).toMatchObject({ value: 'succeeded' });
  });

  it('does not stand in the way of a rollback, which may be the cure', async () => {
    const rig = createRig();
    const life = rig.open();
    at(rig, 'apply half trust@cp1', () => life.run.decide(trip));
    await begun(rig, life);
    life.run.decide(rollBack);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'rolledBack' });
    expect(rig.world.snapshot()).toEqual(initialValues);
  });

  it('that trips on the way back halts it; a human may go on without the API', async () => {
    const rig = createRig();
    const life = await begun(rig);
    at(rig, 'undo half trust@cp2', () => life.run.decide(trip));
    life.run.decide(rollBack);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'rollingBack.halted' });
    same(rig, life);
    refuses(life, forward, 'the API of the cluster has not come back');
    life.run.decide(resume);
    expect(await life.run.until('waiting')).toMatchObject({ value: 'rolledBack' });
  });

  it('halts a run that waits at a gate, which then asks again', async () => {
    const rig = createRig();
    const life = await begun(rig);
    for (const [fact, value] of [
      [trip, 'halted'],
      [clear, 'halted'],
      [resume, 'awaitingApproval'],
    ] as const) {
      life.run.decide(fact);
      expect(life.run.state().value).toBe(value);
      same(rig, life);
    }
  });

  it('has nothing to say before and after', async () => {
    const rig = createRig();
    const life = rig.open();
    life.run.start();
    life.run.decide(trip);
    expect(life.run.state().value).toBe('planned');
    same(rig, life);
    life.run.decide(submit);
    expect(life.run.state().value).toBe('halted');
    life.run.decide(clear);
    await drive(rig, life);
    refuses(life, trip);
  });
});
