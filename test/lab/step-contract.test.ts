/** The contract of step kinds on the real cluster: the playbook is walked to the drawn steps, and each is held against every rule where it stands. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawOrder } from '../../src/domain/draw.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { newOperator } from '../../lab/tests/operator.js';
import { pkiMount } from '../../lab/vault/setup.js';
import { settingsOf } from '../../src/cli/commands/shared-options.js';
import { drawKillPoints, drawSteps, isAllAsked, playbookFile, sampleInWords, seed } from '../step-contract/draw-steps.js';
import { openWalk, type Walk } from '../step-contract/walk.js';

/** A control plane restarts its components at each apply and undo: four minutes. Most other steps take half of one. */
const sample = drawSteps(isAllAsked ? Number.POSITIVE_INFINITY : 6);

let walk: Walk;
const left = [...sample.all];

describe('drawn kinds of steps keep the contract, on the real cluster', () => {
  beforeAll(async () => {
    console.log(sampleInWords(sample));
    const lab = await freshLab();
    const operator = await newOperator(lab, 'step-contract');
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...operator.env };
    walk = await openWalk({
      playbookFile,
      settings: settingsOf(
        {
          inventory: lab.paths.inventory,
          sshConfig: lab.paths.sshConfig,
          identity: operator.identityFile,
          recipient: [operator.recipient],
          stateDir: operator.stateDir,
          vaultMount: pkiMount,
        },
        env,
      ),
      env,
      pace: 1,
      patienceMs: 60_000,
      // Workloads of the lab count there what they have felt.
      notOurs: /^ConfigMap felt\/felt-/,
      // A death costs minutes here; with all steps there is still one for each.
      killPoints: (of, purpose) => (isAllAsked ? drawOrder(seed, drawKillPoints(of, purpose), (point) => `${purpose} ${point}`).slice(0, 1) : drawKillPoints(of, purpose)),
      holdsEveryWave: isAllAsked,
      chooseBatches: (steps) => drawOrder(seed, steps, ({ id }) => id).slice(0, 1),
    });
  });

  afterAll(() => walk?.close());

  it.each(sample.all.filter((step) => sample.drawn.has(step)))('%s', async (step) => {
    expect(left, 'the walk has ended before').toContain(step);
    // Whatever happens in between, nothing is walked twice.
    for (let next = left.shift(); next !== undefined && next !== step; next = left.shift()) expect(await walk.through(next, 'as it is')).toEqual([]);
    expect(await walk.through(step, 'under the contract')).toEqual([]);
  });
});
