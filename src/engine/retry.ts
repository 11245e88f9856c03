/** Tries again what may be tried again, with growing waits, as long as the phase has time. */

import { type Failure, failuresOf } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadlineAtMs: number;
  /** Waits before the second, third, ... try; their number is the number of further tries. */
  readonly waitsMs: readonly number[];
  readonly onRetry: (failures: readonly Failure[], waitMs: number) => void;
}

/**
 * Runs `act` until it has no failures, has one that is not to be tried again, or tries or time are used up. Returns what failed last.
 * `act` is told which try it is, from 0. RotationErrors that it throws are failures like those it returns; anything else is thrown on.
 */
export async function retry(act: (attempt: number) => Promise<readonly Failure[]>, options: RetryOptions): Promise<readonly Failure[]> {
  for (let attempt = 0; ; attempt++) {
    const failures = await failuresIn(() => act(attempt));
    const waitMs = options.waitsMs[attempt];
    if (failures.length === 0 || waitMs === undefined || !failures.every(mayBeTriedAgain)) return failures;
    if (options.signal.aborted || options.clock.now() + waitMs >= options.deadlineAtMs) return failures;
    options.onRetry(failures, waitMs);
    const ended = await failuresIn(async () => {
      await options.clock.wait(waitMs, { signal: options.signal });
      return [];
    });
    if (ended.length > 0) return failures;
  }
}

// A lost line says nothing about the other end: whatever the failure says of itself, one asks again.
function mayBeTriedAgain(failure: Failure): boolean {
  return failure.retryable || failure.code === 'ssh-lost';
}

/** The failures that an act returns or throws; a defect is thrown on. */
export async function failuresIn(act: () => Promise<readonly Failure[]>): Promise<readonly Failure[]> {
  try {
    return await act();
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    return failures;
  }
}
