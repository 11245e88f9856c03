import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly everyMs?: number;
}

/** A wait whose deadline passed. It says what was waited for and what was seen last. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/** Thrown by a probe: what is waited for will not come. */
export class UselessToWait extends Error {
  override readonly name = 'UselessToWait';
}

/**
 * Asks `probe` again and again until it answers `true`. Any other answer, and any error, is the reason for waiting on;
 * the last one is named when the deadline passes.
 */
export async function waitFor(what: string, options: WaitOptions, probe: () => Promise<true | string>): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    const answer = await probe().catch((error: unknown) => {
      if (error instanceof UselessToWait) throw error;
      return error instanceof Error ? error.message : String(error);
    });
    if (answer === true) return;
    if (Date.now() > deadline) {
      throw new DeadlinePassed(`waited ${options.timeoutMs / 1000} s for ${what}; last seen: ${answer}`);
    }
    await sleep(options.everyMs ?? 250);
  }
}
