/** The proof against reality, a sample of it: plans made wrong on purpose, drawn by the commit; every edge is predicted as it is then seen. */

import { describe, expect, it } from 'vitest';
import { plans } from '../../lab/proof/plans.js';
import { table } from '../../lab/proof/results.js';
import { tryOn } from '../../lab/proof/try-plan.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { drawOrder } from '../../src/domain/draw.js';

const atOnce = 2;
const seed = process.env.ROTATE_CA_TEST_SEED ?? 'no-commit';
// Those that go through half of a rotation, or are held in the middle of a step, take minutes each.
const quick = plans.filter(({ name, hold }) => !name.startsWith('rotation-') && hold === undefined);
// All of them take two hours: npm run test:proof.
const sample = drawOrder(seed, quick, ({ name }) => name).slice(0, atOnce);

describe('a plan made wrong on purpose', () => {
  it.each(sample.map((plan) => [plan.name, plan] as const))('%s: every edge is as it was predicted', async (_name, plan) => {
    const result = await tryOn(await freshLab('proof'), plan);
    console.log(table([result]));
    const asked = result.edges.filter(({ observed }) => observed !== 'unseen');
    expect(asked.filter(({ predicted, observed }) => predicted !== observed)).toEqual([]);
    // Whoever cannot be asked excuses a miss.
    expect(result.edges.length - asked.length).toBeLessThanOrEqual(result.edges.length / 10);
  });
});
