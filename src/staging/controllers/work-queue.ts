/** A queue of keys that are looked at one after the other; each is in it once (client-go: util/workqueue). */

import type { StagingClock } from '../clock.js';

export interface WorkQueue {
  add(key: string): void;
  stop(): void;
}

export interface WorkQueueOptions {
  readonly clock: StagingClock;
  /** Pause after each write, real ms: the client's QPS. Default none. */
  readonly pauseMs?: number;
  /** After so many failures in a row a key is forgotten until its next event. Default: never. */
  readonly retries?: number;
  /** True if it wrote something. */
  readonly act: (key: string) => Promise<boolean>;
  readonly onTrouble: (text: string) => void;
}

/** First retry after 5 ms, doubled, at most 10 s (client-go DefaultTypedControllerRateLimiter, with a ceiling for a sped-up clock). */
const firstRetryMs = 5;
const longestRetryMs = 10_000;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { clock, pauseMs = 0, retries = Number.POSITIVE_INFINITY } = options;
  const waiting = new Set<string>();
  const failures = new Map<string, number>();
  let isRunning = false;
  let isStopped = false;

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    for (;;) {
      const [key] = waiting;
      if (key === undefined || isStopped) break;
      waiting.delete(key);
      let wrote = false;
      try {
        wrote = await options.act(key);
        failures.delete(key);
      } catch (error) {
        if (!isStopped) failed(key, error);
      }
      if (wrote && pauseMs > 0) await clock.wait(pauseMs);
    }
    isRunning = false;
  }

  function failed(key: string, error: unknown): void {
    const count = (failures.get(key) ?? 0) + 1;
    options.onTrouble(`${key}: ${error instanceof Error ? error.message : String(error)}`);
    if (count > retries) {
      failures.delete(key);
      return;
    }
    failures.set(key, count);
    clock.after(Math.min(firstRetryMs * 2 ** (count - 1), longestRetryMs), () => add(key));
  }

  function add(key: string): void {
    if (isStopped) return;
    waiting.add(key);
    void run();
  }

  return {
    add,
    stop() {
      isStopped = true;
      waiting.clear();
    },
  };
}
