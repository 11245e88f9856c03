/** Waiting for a state in either world. */

import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from './behaviour.js';
import type { World } from './world.js';

/**
 * Asks until the answer is wanted, for as long as it may take in a real cluster. Returns the last answer, wanted or not: it is what
 * was observed. An error counts as an answer that is not wanted; if it is the last one, it is thrown.
 */
export async function until<T>(world: World, realMs: number, ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  const endsAt = performance.now() + world.patience(realMs);
  const everyMs = world.name === 'lab' ? 200 : 40;
  for (;;) {
    let answer: T | undefined;
    let error: unknown;
    try {
      answer = await ask();
      if (wanted(answer)) return answer;
    } catch (e) {
      error = e;
    }
    if (performance.now() >= endsAt) {
      if (error !== undefined) throw error;
      return answer as T;
    }
    await sleep(everyMs);
  }
}

/** The same, for what has to be so before a behaviour can go on. */
export async function mustBecome<T>(world: World, what: string, realMs: number, ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  let last: T;
  try {
    last = await until(world, realMs, ask, wanted);
  } catch (error) {
    throw new Error(`${what}: not after ${realMs / 1000} s: ${reasonOf(error)}`);
  }
  if (wanted(last)) return last;
  throw new Error(`${what}: not after ${realMs / 1000} s, but ${JSON.stringify(last)}`);
}
