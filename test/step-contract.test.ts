/** The contract of step kinds over a staging cluster: the steps of the playbook in their order, each held against every rule just where it stands. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawOrder } from '../src/domain/draw.js';
import { rehearsalEnv, rehearsalSettings } from '../src/app/rehearse-settings.js';
import { type StagingCluster, startStaging } from '../src/staging/cluster.js';
import { specSomewhere } from '../src/staging/topology.js';
import { stepKinds } from '../src/steps/index.js';
import { unexercised } from './step-contract/allowed.js';
import { drawKillPoints, drawSteps, isAllAsked, playbookFile, sampleInWords, seed } from './step-contract/draw-steps.js';
import { openWalk, type Walk } from './step-contract/walk.js';

/** About a minute of one processor; all of them take four. */
const sample = drawSteps(5);
const speed = 50;
/** Of one step on a machine that is busy with much else. */
const mostMs = 600_000;

let folder: string;
let staging: StagingCluster;
let walk: Walk;
/** The step in which the walk has ended, if it has. */
let ended: string | undefined;

describe('every kind of step keeps the contract, on staging', () => {
  beforeAll(async () => {
    console.log(sampleInWords(sample));
    folder = mkdtempSync(join(tmpdir(), 'rotate-ca-contract-'));
    const spec = await specSomewhere('small', { uid: randomUUID(), nowMs: Date.now() });
    staging = await startStaging({ spec, folder: join(folder, 'cluster'), speed });
    expect(staging.notReady).toEqual([]);
    walk = await openWalk({
      playbookFile,
      settings: await rehearsalSettings(staging.operator),
      env: rehearsalEnv(staging.operator, process.env),
      pace: 10,
      // Waited for in vain only where something is wrong.
      patienceMs: 60_000,
      killPoints: drawKillPoints,
      holdsEveryWave: true,
      chooseBatches: (steps) => (isAllAsked ? steps : drawOrder(seed, steps, ({ id }) => id).slice(0, 1)),
    });
  });

  afterAll(async () => {
    await walk?.close();
    await staging?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const step of sample.all) {
    const how = sample.drawn.has(step) ? 'under the contract' : 'as it is';
    it(
      `${step}, ${how}`,
      async () => {
        expect(ended, 'the walk has ended before').toBeUndefined();
        ended = step;
        const found = await walk.through(step, how);
        ended = undefined;
        expect(found).toEqual([]);
      },
      mostMs,
    );
  }

  it('can draw every kind of the registry', () => {
    const left = [...stepKinds.keys()].filter((kind) => !sample.kinds.has(kind) && !(kind in unexercised));
    expect(left, 'put it into a playbook, or say in test/step-contract/allowed.ts why no world can').toEqual([]);
  });
});
