/** Time in a staging cluster: the wall clock is the machine's, but what a real cluster waits for takes only a part of it. */

export interface StagingClock {
  /** How many times as fast waits of a real cluster pass: 20 makes 60 s of a re-check 3 s. */
  readonly speed: number;
  /** Unix ms, never sped up: certificates, leases and process start times are compared with it by rotate-ca. */
  now(): number;
  /** Runs once, after so many milliseconds of a real cluster. Returns what cancels it. */
  after(realMs: number, act: () => void): () => void;
  /** Runs again and again. Returns what cancels it. */
  every(realMs: number, act: () => void): () => void;
  /** Resolves after so many milliseconds of a real cluster, or at once when the signal is raised. */
  wait(realMs: number, signal?: AbortSignal): Promise<void>;
  /** Cancels all that is still to come; nothing starts after it. */
  stop(): void;
}

/** Durations are in milliseconds as a real cluster has them; `speed` divides them. */
export function createClock(speed: number): StagingClock {
  const cancels = new Set<() => void>();
  let stopped = false;

  function after(realMs: number, act: () => void): () => void {
    if (stopped) return () => undefined;
    const timer = setTimeout(() => {
      cancels.delete(cancel);
      act();
    }, realMs / speed);
    const cancel = (): void => {
      clearTimeout(timer);
      cancels.delete(cancel);
    };
    cancels.add(cancel);
    return cancel;
  }

  return {
    speed,
    now: Date.now,
    after,
    every(realMs, act) {
      let cancel = (): void => undefined;
      let cancelled = false;
      const again = (): void => {
        act();
        if (!cancelled) cancel = after(realMs, again);
      };
      cancel = after(realMs, again);
      return () => {
        cancelled = true;
        cancel();
      };
    },
    wait(realMs, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const cancel = after(realMs, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        const onAbort = (): void => {
          cancel();
          resolve();
        };
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    stop() {
      stopped = true;
      for (const cancel of [...cancels]) cancel();
    },
  };
}
