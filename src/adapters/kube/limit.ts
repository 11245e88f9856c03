/** One clock and one stop button for a call: its deadline and the operator's signal, told apart afterwards. */

export interface Limit {
  /** Raised by whichever comes first. */
  readonly signal: AbortSignal;
  /** Why the signal was raised; undefined while it is not. */
  ended(): 'deadline' | 'interrupted' | undefined;
  /** Ends with the promise, or rejects as soon as the limit is reached, for work that takes no signal. */
  race<T>(work: Promise<T>): Promise<T>;
  close(): void;
}

/**
 * Starts the clock. `AbortSignal.any` is not used: on Node 20 a signal that lives as long as a run would
 * keep every signal derived from it.
 */
export function openLimit(deadlineMs: number, signal?: AbortSignal): Limit {
  const controller = new AbortController();
  let reason: 'deadline' | 'interrupted' | undefined;
  function end(why: 'deadline' | 'interrupted'): void {
    if (reason !== undefined) return;
    reason = why;
    controller.abort();
  }
  const onAbort = (): void => end('interrupted');
  const timer = setTimeout(() => end('deadline'), deadlineMs);
  if (signal?.aborted) end('interrupted');
  else signal?.addEventListener('abort', onAbort, { once: true });

  return {
    signal: controller.signal,
    ended: () => reason,
    race: <T>(work: Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        const stop = (): void => reject(new Error('the call ended before this did'));
        if (controller.signal.aborted) stop();
        else controller.signal.addEventListener('abort', stop, { once: true });
        work.then(resolve, reject).finally(() => controller.signal.removeEventListener('abort', stop));
      }),
    close: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}
