/** Tries again what the engine would try again. */

import { type Failure, RotationError } from '../../src/domain/errors.js';
import { defaultLimits } from '../../src/engine/perform.js';
import { retry } from '../../src/engine/retry.js';
import type { Clock } from '../../src/ports/clock.js';

/** What it returned at last. Throws RotationError if the last try threw one; anything else that is thrown is thrown on. */
export type Tried = <Answer>(act: () => Promise<Answer>) => Promise<Answer>;

/** By the rules of the engine and its waits, `pace` times as fast. */
export function triedAsByTheEngine(clock: Clock, pace: number): Tried {
  return async <Answer>(act: () => Promise<Answer>): Promise<Answer> => {
    let answer: { readonly value: Answer } | undefined;
    const failures = await retry(
      async () => {
        answer = undefined;
        answer = { value: await act() };
        return Array.isArray(answer.value) ? (answer.value as readonly Failure[]) : [];
      },
      {
        clock,
        signal: new AbortController().signal,
        deadlineAtMs: Number.POSITIVE_INFINITY,
        waitsMs: defaultLimits.retryWaitsMs.map((ms) => ms / pace),
        onRetry: () => undefined,
      },
    );
    if (answer === undefined) throw new RotationError(failures);
    return answer.value;
  };
}
