/** Drives a step in a process that is killed, or stopped for minutes of the cluster's time, at a drawn fact. */

import type { FaultCase } from './fault-case.js';
import { stepOf } from '../../domain/plan/plan.js';
import { forkModule } from '../../staging/fork-module.js';
import type { DriveOrder, EngineNews } from './engine-messages.js';
import { signaturesOf } from './fact-signature.js';
import type { Lane } from './lane.js';

export interface EngineEnd {
  /** The fact at which it was killed or stopped. */
  readonly at: string;
  /** What it said of itself at last; undefined: it was killed. */
  readonly news: Extract<EngineNews, { state: string }> | undefined;
}

const shortestStopMs = 60_000;
const longestStopMs = 240_000;

/** Throws if it ended in a way that nobody asked for. */
export async function runEngine(lane: Lane, one: FaultCase, ask: DriveOrder['ask']): Promise<EngineEnd> {
  const step = stepOf(lane.plan, one.step);
  const signatures = step === undefined ? [] : signaturesOf(step);
  const at = signatures[Math.floor(one.draw.number('fact') * signatures.length)] ?? '';
  const stopMs = (shortestStopMs + one.draw.number('stop') * (longestStopMs - shortestStopMs)) / lane.speed;
  const isKilled = one.fault === 'engine-killed';
  const child = forkModule(new URL('./engine-process.js', import.meta.url));
  let news: EngineEnd['news'];
  let lastWords = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    lastWords = `${lastWords}${chunk.toString('utf8')}`.slice(-2000);
  });
  const { pid } = child;
  child.on('message', (message: EngineNews) => {
    if (!('reached' in message)) news = message;
    else if (!isKilled && pid !== undefined) {
      process.kill(pid, 'SIGSTOP');
      setTimeout(() => process.kill(pid, 'SIGCONT'), stopMs);
    }
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (_, signal) => resolve(signal));
  });
  const order: DriveOrder = {
    stateDir: lane.settings.stateDir,
    run: lane.plan.name,
    env: lane.env,
    pace: lane.pace,
    step: one.step,
    ask,
    at,
    act: isKilled ? 'kill' : 'tell',
  };
  child.send(order);
  const signal = await ended;
  if (news === undefined && signal !== 'SIGKILL') throw new Error(`the process that drives the run ended by itself: ${lastWords.trim()}`);
  return { at, news };
}
