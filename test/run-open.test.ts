/** Opening a run: which plan it follows, how a plan is made anew under way, and how it is left. */

import { describe, expect, it } from 'vitest';
import { createRig, drive, initialValues, straightPlan } from './support/rig.js';
import { planOf, stepWith } from './support/plans.js';

const by = 'sre';
const why = { reason: 'w4 has joined', by };

/** With a node more in a step that has been done by then. */
const grown = planOf(straightPlan.steps.map((step) => (step.id === 'renew/2' ? { ...step, targets: ['w3', 'w4'] } : step)));
const shrunk = planOf(straightPlan.steps.filter((step) => step.id !== 'trust'));

const refused = (code: string, cause = '') => expect.objectContaining({ code, message: expect.stringContaining(cause) as string }) as Error;

async function atTheSwitch() {
  const rig = createRig();
  const life = rig.open();
  await drive(rig, life, undefined, (view) => {
    if (view.gate?.name === 'switch') throw new Error('there');
  }).catch(() => undefined);
  return { rig, life };
}

describe('openRun', () => {
  it('writes the first line, and writes it once', async () => {
    const rig = createRig();
    rig.open();
    rig.open();
    expect(rig.facts()).toEqual([{ type: 'run.opened', run: 'r1', planDigest: straightPlan.digest, tool: 'rotate-ca test', cluster: 'u' }]);
  });

  it('refuses a plan that the journal does not follow', () => {
    const rig = createRig();
    rig.open();
    expect(() => rig.open({ plan: grown })).toThrow(refused('plan-stale', grown.digest));
  });

  it('refuses a plan with a kind that is not known', () => {
    const plan = planOf([stepWith({ id: 'a', kind: 'unheard-of', targets: ['w1'] })]);
    expect(() => createRig({ plan }).open()).toThrow(refused('plan-invalid', 'unheard-of'));
  });

  it('breaks on parameters that are not those of the kind', async () => {
    const rig = createRig({ plan: planOf([stepWith({ id: 'a', kind: 'set', targets: ['w1'], params: { kee: 'x' } })]) });
    expect(await drive(rig, rig.open())).toMatchObject({ value: 'broken' });
  });

  it('takes no decision of a run that is not open any more, and lets nobody wait for it', async () => {
    const rig = createRig();
    const life = rig.open();
    life.run.start();
    const ended = life.run.until('ended');
    await Promise.all([life.run.stop(), expect(ended).rejects.toThrow(refused('interrupted'))]);
    expect(() => life.run.decide({ type: 'run.submitted', by })).toThrow(refused('decision-refused', 'not open any more'));
  });

  it('when it is left in the middle of an apply, waits until that has ended and leaves it in doubt', async () => {
    const rig = createRig();
    const life = rig.open();
    let goOnApplying: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      rig.world.on = async (moment) => {
        if (moment !== 'apply half trust@cp2') return;
        resolve();
        await new Promise<void>((go) => {
          goOnApplying = go;
        });
      };
    });
    void drive(rig, life).catch(() => undefined);
    await begun;
    let hasLeft = false;
    const left = life.run.stop().then(() => {
      hasLeft = true;
    });
    await Promise.resolve();
    expect(hasLeft).toBe(false);
    goOnApplying();
    await left;
    rig.world.on = () => undefined;
    const end = await drive(rig, rig.open());
    expect(end).toMatchObject({ value: 'succeeded' });
    expect(rig.world.log.filter((entry) => entry === 'apply trust@cp2')).toHaveLength(1);
  });

  it('does not take a journal that cannot be written for a failure of a step', async () => {
    const rig = createRig();
    const life = rig.open({ death: { atLine: 20 } });
    void drive(rig, life).catch(() => undefined);
    const view = await life.run.until((now) => now.value === 'broken');
    expect(view.defect).toMatchObject({ message: expect.stringContaining('the journal cannot be written') as string });
  });
});

describe('amend', () => {
  it('takes a node that has joined through what the others had, and asks for the gate again', async () => {
    const { rig, life } = await atTheSwitch();
    life.run.amend(grown, why);
    expect(life.run.state()).toMatchObject({ value: 'awaitingApproval', gate: { name: 'amended-plan' } });
    expect(() => life.run.decide({ type: 'run.approved', gate: 'amended-plan', by, digest: straightPlan.digest })).toThrow(refused('decision-refused', grown.digest));
    expect(() => life.run.decide({ type: 'run.approved', gate: 'switch', by, digest: grown.digest })).toThrow(refused('decision-refused', '"amended-plan"'));
    const again = rig.open({ plan: grown });
    expect(again.run.state().value).toBe('awaitingApproval');
    life.run.decide({ type: 'run.approved', gate: 'amended-plan', by, digest: grown.digest });
    expect(await life.run.until('waiting')).toMatchObject({ value: 'awaitingApproval', gate: { name: 'switch' } });
    expect(rig.world.values.get('leaf@w4')).toBe('leaf-incoming');
    expect(rig.world.log.filter((entry) => entry === 'apply leaf@w3')).toHaveLength(1);
    expect(await drive(rig, rig.open({ plan: grown }))).toMatchObject({ value: 'succeeded' });
  });

  it('can be rolled back with what has joined', async () => {
    const { rig, life } = await atTheSwitch();
    life.run.amend(grown, why);
    life.run.decide({ type: 'run.approved', gate: 'amended-plan', by, digest: grown.digest });
    await life.run.until('waiting');
    life.run.decide({ type: 'run.rollbackAsked', by });
    expect(await life.run.until('ended')).toMatchObject({ value: 'rolledBack' });
    expect(rig.world.snapshot()).toEqual(initialValues);
  });

  it('asks only for the gate at which the run waits if nothing before it has changed', async () => {
    const { life } = await atTheSwitch();
    life.run.amend(planOf(straightPlan.steps.map((step) => (step.id === 'tell' ? { ...step, targets: ['w1'] } : step))), why);
    expect(life.run.state()).toMatchObject({ value: 'awaitingApproval', gate: { name: 'switch' } });
  });

  it('is asked for before a paused run goes on', async () => {
    const rig = createRig();
    const life = rig.open();
    rig.world.on = (moment) => {
      if (moment === 'apply half leaf@w1') life.run.decide({ type: 'run.pauseAsked', by });
    };
    await drive(rig, life, undefined, (view) => {
      if (view.value === 'paused') throw new Error('there');
    }).catch(() => undefined);
    life.run.amend(grown, why);
    expect(life.run.state()).toMatchObject({ value: 'awaitingApproval', gate: { name: 'amended-plan' } });
    expect(rig.replayed(grown).value).toBe('awaitingApproval');
    expect(await drive(rig, rig.open({ plan: grown }))).toMatchObject({ value: 'succeeded' });
    expect(rig.world.values.get('leaf@w4')).toBe('leaf-incoming');
  });

  it('refuses a plan that leaves out what was begun, and forgets it', async () => {
    const { rig, life } = await atTheSwitch();
    expect(() => life.run.amend(shrunk, why)).toThrow(refused('decision-refused', 'leaves out "trust"'));
    expect(life.run.state().plan.digest).toBe(straightPlan.digest);
    expect(rig.facts().some((fact) => fact.type === 'plan.amended')).toBe(false);
    expect(() => life.run.amend(straightPlan, why)).not.toThrow();
  });

  it('refuses while the run is at work', async () => {
    const rig = createRig();
    const life = rig.open();
    let error: unknown;
    rig.world.on = (moment) => {
      if (moment !== 'apply half trust@cp1') return;
      try {
        life.run.amend(grown, why);
      } catch (thrown) {
        error = thrown;
      }
    };
    await drive(rig, life);
    expect(error).toEqual(refused('decision-refused'));
  });
});
