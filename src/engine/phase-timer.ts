/** The time and the signal of one phase: raised at its deadline or when it is asked to end; then its effects get a grace to settle. */

import { setMaxListeners } from 'node:events';
import type { Clock } from '../ports/clock.js';

export type RaisedBy = 'deadline' | 'asked';

/** An effect that did not end although its signal was raised. What it still does is not known. */
export class Unsettled extends Error {}

export interface PhaseTimer {
  readonly signal: AbortSignal;
  readonly deadlineAtMs: number;
  raisedBy(): RaisedBy | undefined;
  /** Raises the signal now. */
  end(): void;
  /** Waits for an effect. A raised signal does not cut it off: it is waited for, for the grace; then Unsettled is thrown. */
  settle<T>(effect: Promise<T>): Promise<T>;
  close(): void;
}

export function openPhaseTimer(options: { readonly clock: Clock; readonly deadlineMs: number; readonly graceMs: number; readonly outer: AbortSignal }): PhaseTimer {
  const { clock, deadlineMs, graceMs, outer } = options;
  const controller = new AbortController();
  const closed = new AbortController();
  // Every target of a wave listens, and every command that runs there.
  setMaxListeners(0, controller.signal);
  let by: RaisedBy | undefined;

  function raise(reason: RaisedBy): void {
    by ??= reason;
    controller.abort();
  }
  const end = () => raise('asked');
  if (outer.aborted) end();
  else outer.addEventListener('abort', end, { once: true });
  clock.wait(deadlineMs, { signal: closed.signal }).then(
    () => raise('deadline'),
    () => undefined,
  );

  return {
    signal: controller.signal,
    deadlineAtMs: clock.now() + deadlineMs,
    raisedBy: () => by,
    end,
    async settle(effect) {
      const done = new AbortController();
      const cap = whenRaised(controller.signal)
        .then(() => clock.wait(graceMs, { signal: done.signal }))
        .then(() => Promise.reject(new Unsettled()));
      cap.catch(() => undefined);
      try {
        return await Promise.race([effect, cap]);
      } finally {
        done.abort();
      }
    },
    close() {
      outer.removeEventListener('abort', end);
      closed.abort();
    },
  };
}

function whenRaised(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
