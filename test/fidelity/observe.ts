/** Runs behaviours from the command line: `tsx test/fidelity/observe.ts lab|staging [part of an id ...]`. For whoever writes one; the tests run the table. */

import { isDeepStrictEqual } from 'node:util';
import { observe } from './behaviour.js';
import { openLabWorld } from './lab-world.js';
import { openStagingWorld } from './staging-world.js';
import { behaviours } from './table.js';

const [where, ...wanted] = process.argv.slice(2);
const chosen = behaviours.filter(({ id, slow }) => (wanted.length === 0 ? slow !== true : wanted.some((one) => id.includes(one))));
const world = where === 'lab' ? await openLabWorld() : await openStagingWorld();
try {
  for (const behaviour of chosen) {
    const { observed, seconds, leftBehind } = await observe(behaviour, world);
    const agrees = isDeepStrictEqual(observed, behaviour.expected);
    console.log(
      `${agrees ? 'ok  ' : 'DIFF'} ${behaviour.id} ${seconds.toFixed(1)} s${agrees ? '' : `\n  expected ${JSON.stringify(behaviour.expected)}\n  observed ${JSON.stringify(observed)}`}`,
    );
    if (leftBehind !== undefined) console.log(`  LEFT BEHIND ${leftBehind}`);
  }
} finally {
  await world.close();
}
