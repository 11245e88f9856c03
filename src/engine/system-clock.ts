/** The clock of the machine we run on. */

import { failure, RotationError } from '../domain/errors.js';
import type { Clock } from '../ports/clock.js';

// setTimeout fires at once beyond this.
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  wait: (ms, options) =>
    new Promise((resolve, reject) => {
      const signal = options?.signal;
      if (signal?.aborted) return reject(interrupted());
      const timer = setTimeout(end, Math.min(ms, longestTimerMs));
      function end(): void {
        signal?.removeEventListener('abort', stop);
        resolve();
      }
      function stop(): void {
        clearTimeout(timer);
        reject(interrupted());
      }
      signal?.addEventListener('abort', stop, { once: true });
    }),
};

function interrupted(): RotationError {
  return new RotationError(
    failure('interrupted', { target: 'rotate-ca', summary: 'A wait was ended early', cause: 'it was asked to stop', nextAction: 'Run "rotate-ca resume RUN" to go on' }),
  );
}
