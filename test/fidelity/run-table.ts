/** The table as tests of vitest: each behaviour is one, and the world must be whole at the end. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Behaviour, observe, type Outcome } from './behaviour.js';
import { saveSeen, seenIn, summaryOf } from './report.js';
import { troublesIn, type Whole, wholeOf } from './whole.js';
import type { World } from './world.js';

const twentyMinutes = 1_200_000;

export function runTable(title: string, open: () => Promise<World>, behaviours: readonly Behaviour[]): void {
  describe(title, () => {
    let world: World | undefined;
    let before: Whole | undefined;
    const outcomes: Outcome[] = [];
    const theWorld = (): World => {
      if (world === undefined) throw new Error('the world did not open');
      return world;
    };

    beforeAll(async () => {
      world = await open();
      before = await wholeOf(world);
    }, twentyMinutes);

    afterAll(async () => {
      if (world === undefined) return;
      const other = world.name === 'lab' ? 'staging' : 'lab';
      process.stdout.write(`${summaryOf(world.name, outcomes, seenIn(other))}\n`);
      if (process.env.ROTATE_CA_RECORD === '1') saveSeen(world.name, outcomes);
      await world.close();
    }, twentyMinutes);

    it.each(behaviours.map((behaviour) => [`${behaviour.area}: ${behaviour.title} (${behaviour.id}; ${behaviour.rule})`, behaviour] as const))(
      '%s',
      async (_title, behaviour) => {
        const outcome = await observe(behaviour, theWorld());
        outcomes.push(outcome);
        process.stdout.write(`${behaviour.id}: ${outcome.seconds.toFixed(0)} s, ${JSON.stringify(outcome.observed)}\n`);
        // What it left behind would be observed by the next ones.
        if (outcome.leftBehind !== undefined) await theWorld().startOver();
        expect(outcome.leftBehind).toBeUndefined();
        expect(outcome.observed).toEqual(behaviour.expected);
      },
      twentyMinutes,
    );

    it(
      'leaves everything as it was',
      async () => {
        if (before === undefined) throw new Error('nothing is known of the time before');
        expect(await troublesIn(theWorld(), before)).toEqual([]);
      },
      twentyMinutes,
    );
  });
}
