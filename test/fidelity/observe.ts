/** Runs behaviours from the command line: `tsx test/fidelity/observe.ts lab|staging [part of an id ...]`. For whoever writes one; the tests run the table. */

import { isDeepStrictEqual } from 'node:util';
import { observe, type Outcome } from './behaviour.js';
import { openLabWorld } from './lab-world.js';
import { saveSeen } from './report.js';
import { openStagingWorld } from './staging-world.js';
import { behaviours } from './table.js';

const [where, ...wanted] = process.argv.slice(2);
const chosen = behaviours.filter(({ id, slow }) => (wanted.length === 0 ? slow !== true : wanted.some((one) => id.includes(one))));
const world = where === 'lab' ? await openLabWorld() : await openStagingWorld();
const outcomes: Outcome[] = [];
try {
  for (const behaviour of chosen) {
    const outcome = await observe(behaviour, world);
    const { observed, seconds, leftBehind } = outcome;
    outcomes.push(outcome);
    const agrees = isDeepStrictEqual(observed, behaviour.expected);
    console.log(
      `${agrees ? 'ok  ' : 'DIFF'} ${behaviour.id} ${seconds.toFixed(1)} s${agrees ? '' : `\n  expected ${JSON.stringify(behaviour.expected)}\n  observed ${JSON.stringify(observed)}`}`,
    );
    if (leftBehind !== undefined) console.log(`  LEFT BEHIND ${leftBehind}`);
  }
  if (process.env.ROTATE_CA_RECORD === '1') saveSeen(world.name, outcomes);
} finally {
  await world.close();
}
