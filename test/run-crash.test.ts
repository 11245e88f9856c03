/** Die before every fact and in the middle of every change, open the journal again, go on: same end, nothing done twice. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact } from '../src/domain/run/facts.js';
import type { RunView } from '../src/engine/open-run.js';
import { createRig, type Death, drive, goOn, initialValues, type Rig, straightPlan } from './support/rig.js';

type Answer = (view: RunView) => Fact;

const pairs = straightPlan.steps.flatMap((step) => step.targets.map((target) => `${(step.params as { key: string }).key}@${target}`));
const incoming = Object.fromEntries(pairs.map((place) => [place, `${place.split('@')[0]}-incoming`]).toSorted());

/** Forward until the second gate, and from there back. */
const backFromTheSwitch: Answer = (view) => (view.gate?.name === 'switch' ? { type: 'run.rollbackAsked', by: 'sre' } : goOn(view));

async function live(rig: Rig, deaths: readonly Death[], answer: Answer): Promise<RunView> {
  for (const death of [...deaths, {}]) {
    const life = rig.open({ death });
    const end = await drive(rig, life, answer, (view) => {
      const again = rig.replayed();
      expect({ value: again.value, progress: again.progress }).toEqual({ value: view.value, progress: view.progress });
    });
    if (end !== 'died') return end;
  }
  throw new Error('the last life has no death');
}

function times(rig: Rig, action: string): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const entry of rig.world.log) if (entry.startsWith(action)) counted[entry] = (counted[entry] ?? 0) + 1;
  return counted;
}

const once = (action: string, places: readonly string[]): Record<string, number> => Object.fromEntries(places.map((place) => [`${action} ${place}`, 1]));

/** Checkpoints of one target and attempt that were taken: what the journal names is one only. */
function expectOneCheckpointEach(rig: Rig): void {
  const named = rig.facts().flatMap((fact) => (fact.type === 'step.marked' && fact.checkpoint !== undefined ? [`${fact.step}@${fact.target}@${fact.attempt}`] : []));
  expect(named.length).toBe(new Set(named).size);
}

function expectRotated(rig: Rig, end: RunView): void {
  expect(end.value).toBe('succeeded');
  expect(rig.world.snapshot()).toEqual(incoming);
  expect(times(rig, 'apply')).toEqual(once('apply', pairs));
  expect(rig.facts().filter((fact) => fact.type === 'run.ended')).toEqual([{ type: 'run.ended', outcome: 'succeeded' }]);
  expectOneCheckpointEach(rig);
}

function expectAsBefore(rig: Rig, end: RunView): void {
  expect(end.value).toBe('rolledBack');
  expect(rig.world.snapshot()).toEqual(initialValues);
  expect(rig.facts().filter((fact) => fact.type === 'run.ended')).toEqual([{ type: 'run.ended', outcome: 'rolledBack' }]);
  expectOneCheckpointEach(rig);
}

async function measured(answer: Answer): Promise<{ lines: number; moments: number }> {
  const rig = createRig();
  await live(rig, [], answer);
  return { lines: rig.lines().length, moments: rig.moments() };
}

describe('a run that is killed', () => {
  it('ends without a crash as it should', async () => {
    const rig = createRig();
    expectRotated(rig, await live(rig, [], goOn));
    const back = createRig();
    expectAsBefore(back, await live(back, [], backFromTheSwitch));
    expect(times(back, 'undo')).toEqual(once('undo', pairs.slice(0, 7)));
  });

  it('before every fact of a straight run, goes on to the same end', async () => {
    const { lines } = await measured(goOn);
    // Line 1 is run.opened: without it there is no run yet.
    for (let atLine = 2; atLine <= lines; atLine++) {
      const rig = createRig();
      expectRotated(rig, await live(rig, [{ atLine }], goOn));
    }
  });

  it('at every moment of every change of a straight run, half-made ones among them, goes on to the same end', async () => {
    const { moments } = await measured(goOn);
    for (let atMoment = 1; atMoment <= moments; atMoment++) {
      const rig = createRig();
      expectRotated(rig, await live(rig, [{ atMoment }], goOn));
    }
  });

  it('before every fact of a rollback, leaves the world as it was', async () => {
    const { lines } = await measured(backFromTheSwitch);
    for (let atLine = 2; atLine <= lines; atLine++) {
      const rig = createRig();
      expectAsBefore(rig, await live(rig, [{ atLine }], backFromTheSwitch));
    }
  });

  it('at every moment of a rollback, leaves the world as it was', async () => {
    const { moments } = await measured(backFromTheSwitch);
    for (let atMoment = 1; atMoment <= moments; atMoment++) {
      const rig = createRig();
      expectAsBefore(rig, await live(rig, [{ atMoment }], backFromTheSwitch));
    }
  });

  it('again and again, at any moments, comes to the same end', async () => {
    const death = fc.oneof(fc.record({ atLine: fc.integer({ min: 2, max: 90 }) }), fc.record({ atMoment: fc.integer({ min: 1, max: 120 }) }));
    await fc.assert(
      fc.asyncProperty(fc.array(death, { maxLength: 6 }), fc.boolean(), async (deaths, isForward) => {
        const rig = createRig();
        const end = await live(rig, deaths, isForward ? goOn : backFromTheSwitch);
        if (isForward) expectRotated(rig, end);
        else expectAsBefore(rig, end);
      }),
      { numRuns: 120 },
    );
  });
});
