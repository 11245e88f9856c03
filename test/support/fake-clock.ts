/** Time that passes only when everybody waits: the earliest wait ends as soon as nothing else is going on. */

import { failure, RotationError } from '../../src/domain/errors.js';
import type { Clock } from '../../src/ports/clock.js';

export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): Clock {
  const waits: { atMs: number; end: () => void }[] = [];
  let nowMs = startMs;
  let isTicking = false;

  // Effects of tests are promises alone, so they are done before setImmediate comes round.
  function tick(): void {
    if (isTicking) return;
    isTicking = true;
    setImmediate(() => {
      isTicking = false;
      waits.sort((a, b) => a.atMs - b.atMs);
      const next = waits.shift();
      if (next === undefined) return;
      nowMs = Math.max(nowMs, next.atMs);
      next.end();
      if (waits.length > 0) tick();
    });
  }

  return {
    now: () => nowMs,
    wait: (ms, options) =>
      new Promise((resolve, reject) => {
        const signal = options?.signal;
        const stop = () => {
          const at = waits.indexOf(wait);
          if (at >= 0) waits.splice(at, 1);
          reject(new RotationError(failure('interrupted', { target: 'test', summary: 'A wait was ended early', nextAction: 'none' })));
        };
        const wait = {
          atMs: nowMs + ms,
          end: () => {
            signal?.removeEventListener('abort', stop);
            resolve();
          },
        };
        if (signal?.aborted) return stop();
        signal?.addEventListener('abort', stop, { once: true });
        waits.push(wait);
        tick();
      }),
  };
}
