/** Takes a run back after a fault, and looks whether everything is as it was before the run. */

import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { type CheckWorld, credentialIn, letsIn } from '../rehearse-checks.js';
import { differencesOf } from './footprint.js';
import { describeEnd, isHalted, wrongEnd } from './judge.js';
import type { Lane } from './lane.js';
import { driveStep, type StepEnd } from './step-drive.js';

const triesAtMost = 3;

export async function takeBack(lane: Lane, why: string): Promise<{ readonly outcome: 'rolled-back' | 'wrong'; readonly reason: string }> {
  const { plan } = lane;
  let end: StepEnd | undefined;
  for (let tries = 0; tries < triesAtMost; tries += 1) {
    end = await driveStep({ folder: lane.folder(), plan, env: lane.env, pace: lane.pace, step: '', ask: tries === 0 ? 'rollback' : 'resume', onFact: () => undefined });
    const wrong = wrongEnd(end);
    if (wrong !== undefined) return { outcome: 'wrong', reason: `taken back after "${why}": ${wrong}` };
    if (!isHalted(end)) break;
    await lane.staging.ask('settle', {});
  }
  if (end === undefined || !('view' in end) || end.view.value !== 'rolledBack')
    return { outcome: 'wrong', reason: `the way back after "${why}" does not end: ${end === undefined ? '' : describeEnd(end)}` };
  const differences = await notAsBefore(lane);
  return differences.length === 0 ? { outcome: 'rolled-back', reason: why } : { outcome: 'wrong', reason: `taken back after "${why}", and ${differences.join('; ')}` };
}

async function notAsBefore(lane: Lane): Promise<string[]> {
  const now = join(lane.staging.folder, 'after-rollback');
  await lane.staging.ask('save', { folder: now });
  try {
    const files = lane.plan.inventory.nodes.flatMap(({ name }) =>
      differencesOf(lane.nodeFolder(0, name), join(now, 'nodes', name)).map((difference) => `on ${name} ${difference}`),
    );
    // By the CA of before and no other: it may have been taken back before anything was issued.
    const world: CheckWorld = { inventory: lane.plan.inventory, outgoingCa: readKubeconfig(lane.kubeconfigBefore).caPem ?? '', incomingCa: '' };
    const check = await letsIn(world, 'positive', 'admin.conf of before', credentialIn(lane.kubeconfigBefore), true);
    return [...files, ...check.wrong.map((one) => `admin.conf of before is refused: ${one}`)];
  } finally {
    rmSync(now, { recursive: true, force: true });
  }
}
